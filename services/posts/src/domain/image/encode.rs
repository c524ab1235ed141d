//! Encoders of pictures: PNG in as few bits as the colours need, JPEG, and WebP with and without loss.

use std::collections::HashMap;
use std::io::Cursor;

use image::buffer::ConvertBuffer;
use image::codecs::jpeg::JpegEncoder;
use image::{GrayAlphaImage, GrayImage, RgbImage, RgbaImage};
use png::{BitDepth, ColorType, Filter};
use webp::{Encoder, WebPConfig};

use super::error::ImageError;

/// The quality of lossy encodings, JPEG and WebP, from 0 to 100.
const QUALITY: u8 = 85;
/// The effort of lossless WebP: the method (0 to 6) and the quality (0 to 100). More effort saves a few percent and
/// takes seconds.
const EFFORT: (i32, f32) = (1, 20.0);
/// The most colours that a palette can hold.
const MAX_PALETTE: usize = 256;

/// A picture, together with the properties that decide how few bits it needs.
pub(crate) struct Canvas {
    pixels: RgbaImage,
    /// True when every pixel is fully opaque.
    opaque: bool,
    /// True when the three colour channels of every pixel are equal.
    gray: bool,
    /// The index of each colour in the palette; `None` when there are more than [`MAX_PALETTE`] colours.
    palette: Option<HashMap<[u8; 4], u8>>,
}

impl Canvas {
    /// Analyses the pixels, and makes the colour of fully transparent pixels black: some editors erase by making pixels
    /// transparent, and the erased colours must not be recoverable.
    pub(crate) fn new(mut pixels: RgbaImage) -> Self {
        let (mut opaque, mut gray) = (true, true);
        let mut colours = Some(HashMap::new());
        let mut last = None;
        for pixel in pixels.pixels_mut() {
            if pixel.0[3] == 0 {
                pixel.0 = [0; 4];
            }
            // Neighbours are often equal, and the look-up in the palette is the slow part of this loop.
            if last == Some(pixel.0) {
                continue;
            }
            last = Some(pixel.0);
            let [red, green, blue, alpha] = pixel.0;
            opaque &= alpha == u8::MAX;
            gray &= red == green && green == blue;
            if let Some(known) = &mut colours {
                known.insert(pixel.0, 0);
                if known.len() > MAX_PALETTE {
                    colours = None;
                }
            }
        }
        Self { pixels, opaque, gray, palette: colours.map(assign_indices) }
    }

    /// Encodes the picture as a JPEG. A JPEG has no alpha channel, so this is meant for pictures that came as a JPEG.
    pub(crate) fn jpeg(&self) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
        if self.gray {
            GrayImage::write_with_encoder(&self.pixels.convert(), encoder)?;
        } else {
            RgbImage::write_with_encoder(&self.pixels.convert(), encoder)?;
        }
        Ok(bytes)
    }

    /// Encodes the picture as a WebP, without loss if `lossless` is true.
    pub(crate) fn webp(&self, lossless: bool) -> Result<Vec<u8>, ImageError> {
        let failed = || ImageError::Broken("it cannot be written as WebP".to_owned());
        let mut config = WebPConfig::new().map_err(|()| failed())?;
        config.quality = f32::from(QUALITY);
        if lossless {
            (config.lossless, (config.method, config.quality)) = (1, EFFORT);
        }
        let encoder = Encoder::from_rgba(self.pixels.as_raw(), self.pixels.width(), self.pixels.height());
        Ok(encoder.encode_advanced(&config).map_err(|_error| failed())?.to_vec())
    }

    /// Encodes the picture as a PNG without loss, in the colour type that takes the fewest bits.
    pub(crate) fn png(&self) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Cursor::new(Vec::new());
        let mut encoder = png::Encoder::new(&mut bytes, self.pixels.width(), self.pixels.height());
        let samples = match &self.palette {
            // With more than 16 colours both a palette and a gray channel take 8 bits a pixel. Gray compresses better
            // then, since close values mean close shades, and neighbouring indices of a palette mean nothing.
            Some(palette) if palette.len() <= 16 || !(self.gray && self.opaque) => {
                let mut colours: Vec<_> = palette.iter().map(|(colour, index)| (*index, *colour)).collect();
                colours.sort_unstable();
                encoder.set_palette(colours.iter().flat_map(|(_, [rgb @ .., _])| *rgb).collect::<Vec<u8>>());
                if !self.opaque {
                    encoder.set_trns(colours.iter().map(|(_, [.., alpha])| *alpha).collect::<Vec<u8>>());
                }
                let (depth, bits) = match palette.len() {
                    0..=2 => (BitDepth::One, 1),
                    3..=4 => (BitDepth::Two, 2),
                    5..=16 => (BitDepth::Four, 4),
                    _ => (BitDepth::Eight, 8),
                };
                encoder.set_color(ColorType::Indexed);
                encoder.set_filter(Filter::NoFilter);
                encoder.set_depth(depth);
                self.pack(palette, bits)
            }
            _ => {
                let (kind, samples) = match (self.gray, self.opaque) {
                    (true, true) => (ColorType::Grayscale, GrayImage::into_raw(self.pixels.convert())),
                    (true, false) => (ColorType::GrayscaleAlpha, GrayAlphaImage::into_raw(self.pixels.convert())),
                    (false, true) => (ColorType::Rgb, RgbImage::into_raw(self.pixels.convert())),
                    (false, false) => (ColorType::Rgba, self.pixels.to_vec()),
                };
                encoder.set_color(kind);
                samples
            }
        };
        let mut writer = encoder.write_header().map_err(broken)?;
        writer.write_image_data(&samples).map_err(broken)?;
        writer.finish().map_err(broken)?;
        Ok(bytes.into_inner())
    }

    /// Packs the palette indices of all pixels into bytes, `bits` bits for each index. Every row begins with a new
    /// byte, as PNG demands.
    fn pack(&self, palette: &HashMap<[u8; 4], u8>, bits: usize) -> Vec<u8> {
        let index = |pixel: &image::Rgba<u8>| palette.get(&pixel.0).copied().unwrap_or_default();
        let mut bytes = Vec::new();
        for row in self.pixels.rows() {
            let indices: Vec<u8> = row.map(index).collect();
            bytes.extend(indices.chunks(8 / bits).map(|chunk| {
                let shifts = (0..8).step_by(bits).map(|used| 8 - bits - used);
                chunk.iter().zip(shifts).fold(0, |byte, (index, shift)| byte | index << shift)
            }));
        }
        bytes
    }
}

/// Replaces the values of the map by the colours' indices. Their order is fixed, by alpha and then by colour, so that
/// the same picture always becomes the same file.
fn assign_indices(colours: HashMap<[u8; 4], u8>) -> HashMap<[u8; 4], u8> {
    let mut colours: Vec<[u8; 4]> = colours.into_keys().collect();
    colours.sort_unstable_by_key(|colour| (colour[3], *colour));
    colours.into_iter().zip(0..=u8::MAX).collect()
}

fn broken(error: png::EncodingError) -> ImageError {
    ImageError::Broken(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_png_keeps_its_pixels() {
        for (colours, alpha) in [(2, 255), (3, 255), (16, 255), (200, 255), (200, 7), (900, 255), (900, 9)] {
            for gray in [false, true] {
                let picture = image::RgbaImage::from_fn(37, 41, |x, y| {
                    let number = (x * 41 + y) % colours;
                    let [.., high, low] = (number * 70).to_be_bytes();
                    let a = if number == 1 { alpha } else { 255 };
                    image::Rgba(if gray { [low, low, low, a] } else { [low, high, low / 3, a] })
                });
                let again = image::load_from_memory(&Canvas::new(picture.clone()).png().unwrap()).unwrap();
                assert!(again.into_rgba8() == picture, "{colours} colours, alpha {alpha}, gray: {gray}");
            }
        }
    }
}
