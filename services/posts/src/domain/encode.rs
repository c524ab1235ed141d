//! Pictures as files: PNG in as few bits as its colours need, JPEG, and WebP with and without loss.

use std::collections::HashMap;
use std::io::Cursor;

use image::buffer::ConvertBuffer;
use image::codecs::jpeg::JpegEncoder;
use image::{GrayAlphaImage, GrayImage, RgbImage, RgbaImage};
use png::{BitDepth, ColorType, Filter};
use webp::{Encoder, WebPConfig};

use super::image::ImageError;

/// Quality when details may be lost, for JPEG and WebP.
const QUALITY: u8 = 85;
/// How much effort goes into WebP without loss, of 6 and of 100: more saves a few percent and takes seconds.
const EFFORT: (i32, f32) = (1, 20.0);
/// The most colours that a palette has.
const PALETTE: usize = 256;

/// A picture, and what decides how few bits it needs.
pub(crate) struct Canvas {
    pixels: RgbaImage,
    opaque: bool,
    gray: bool,
    /// The colours by their numbers, if they fit into a palette.
    palette: Option<HashMap<[u8; 4], u8>>,
}

impl Canvas {
    /// Looks at the pixels. What is behind full transparency becomes black, so that nothing erased comes back.
    pub(crate) fn new(mut pixels: RgbaImage) -> Self {
        let (mut opaque, mut gray) = (true, true);
        let mut colours = Some(HashMap::new());
        let mut last = None;
        for pixel in pixels.pixels_mut() {
            if pixel.0[3] == 0 {
                pixel.0 = [0; 4];
            }
            if last == Some(pixel.0) {
                continue;
            }
            last = Some(pixel.0);
            let [red, green, blue, alpha] = pixel.0;
            opaque &= alpha == u8::MAX;
            gray &= red == green && green == blue;
            if let Some(known) = &mut colours {
                known.insert(pixel.0, 0);
                if known.len() > PALETTE {
                    colours = None;
                }
            }
        }
        Self { pixels, opaque, gray, palette: colours.map(numbered) }
    }

    /// The picture as a JPEG, which has no transparency.
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

    /// The picture as a WebP.
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

    /// The picture as a PNG.
    pub(crate) fn png(&self) -> Result<Vec<u8>, ImageError> {
        let mut bytes = Cursor::new(Vec::new());
        let mut encoder = png::Encoder::new(&mut bytes, self.pixels.width(), self.pixels.height());
        // Neighbours in a palette have nothing in common, shades of gray have.
        let samples = match &self.palette {
            Some(palette) if palette.len() <= 16 || !(self.gray && self.opaque) => {
                let mut colours: Vec<_> = palette.iter().map(|(colour, number)| (*number, *colour)).collect();
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
                self.packed(palette, bits)
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

    /// Numbers of colours, several in a byte.
    fn packed(&self, palette: &HashMap<[u8; 4], u8>, bits: usize) -> Vec<u8> {
        let number = |pixel: &image::Rgba<u8>| palette.get(&pixel.0).copied().unwrap_or_default();
        let mut bytes = Vec::new();
        for row in self.pixels.rows() {
            let numbers: Vec<u8> = row.map(number).collect();
            bytes.extend(numbers.chunks(8 / bits).map(|chunk| {
                let shifts = (0..8).step_by(bits).map(|used| 8 - bits - used);
                chunk.iter().zip(shifts).fold(0, |byte, (number, shift)| byte | number << shift)
            }));
        }
        bytes
    }
}

/// Gives each colour its number, in an order of its own.
fn numbered(colours: HashMap<[u8; 4], u8>) -> HashMap<[u8; 4], u8> {
    let mut colours: Vec<[u8; 4]> = colours.into_keys().collect();
    colours.sort_unstable_by_key(|colour| (colour[3], *colour));
    colours.into_iter().zip(0..=u8::MAX).collect()
}

fn broken(error: png::EncodingError) -> ImageError {
    ImageError::Broken(error.to_string())
}
