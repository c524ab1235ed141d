//! Pictures: decided by content, measured before decoding, turned upright, written anew.
//!
//! Writing anew drops EXIF data, trailing bytes and whatever else a file can hide.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

/// The largest file, in bytes.
pub(crate) const MAX_BYTES: usize = 5 * 1024 * 1024;
/// The longest side, in pixels.
const MAX_SIDE: u32 = 4_096;
/// The most pixels.
const MAX_PIXELS: u64 = 16_000_000;
/// What decoding may allocate, in bytes.
const MAX_ALLOC: u64 = 128 * 1024 * 1024;
/// JPEG quality when written anew.
const QUALITY: u8 = 85;

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    #[error("A picture may have at most 5 MiB")]
    TooLarge,
    #[error("The file is not a PNG, JPEG, WebP or GIF picture")]
    NotAnImage,
    #[error("must have at most 4096 x 4096 and 16 million pixels")]
    TooManyPixels,
    #[error("cannot be read as a picture: {0}")]
    Broken(String),
}

/// A picture that is safe to store.
#[derive(Debug)]
pub(crate) struct Picture {
    /// The file.
    pub(crate) bytes: Vec<u8>,
    /// Its ending, which tells its type.
    pub(crate) extension: &'static str,
}

impl From<image::ImageError> for ImageError {
    fn from(error: image::ImageError) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Reads a file, turns it upright and writes it anew. A GIF becomes a PNG of its first frame, and what would be larger
/// than 5 MiB without loss becomes a JPEG.
///
/// # Errors
/// [`ImageError`].
pub(crate) fn sanitise(file: &[u8]) -> Result<Picture, ImageError> {
    if file.len() > MAX_BYTES {
        return Err(ImageError::TooLarge);
    }
    let format = image::guess_format(file).map_err(|_unknown| ImageError::NotAnImage)?;
    let (target, extension) = match format {
        ImageFormat::Png | ImageFormat::Gif => (ImageFormat::Png, "png"),
        ImageFormat::Jpeg => (ImageFormat::Jpeg, "jpg"),
        ImageFormat::WebP => (ImageFormat::WebP, "webp"),
        _ => return Err(ImageError::NotAnImage),
    };
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_ALLOC);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(ImageError::TooManyPixels);
    }
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    if target != ImageFormat::Jpeg {
        let mut bytes = Vec::new();
        DynamicImage::from(picture.to_rgba8()).write_to(&mut Cursor::new(&mut bytes), target)?;
        // A file that knows few colours, or was packed harder than this library does, may become many times as large.
        if bytes.len() <= MAX_BYTES {
            return Ok(Picture { bytes, extension });
        }
    }
    let mut bytes = Vec::new();
    picture.to_rgb8().write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))?;
    Ok(Picture { bytes, extension: "jpg" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        DynamicImage::new_rgb8(width, height).to_rgba8().write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    #[test]
    fn what_follows_the_picture_does_not_survive() {
        for (format, extension) in [(ImageFormat::Png, "png"), (ImageFormat::Gif, "png"), (ImageFormat::WebP, "webp")] {
            let mut bytes = file(format, 3, 2);
            bytes.extend_from_slice(b"<script>");
            let picture = sanitise(&bytes).unwrap();
            assert_eq!(picture.extension, extension);
            assert!(!picture.bytes.windows(8).any(|window| window == b"<script>"));
            let again = image::load_from_memory(&picture.bytes).unwrap();
            assert_eq!((again.width(), again.height()), (3, 2));
        }
    }

    #[test]
    fn a_small_file_does_not_become_a_large_one() {
        // Noise of two colours: 1 bit a pixel as it comes, 32 when it is written as it stands.
        let mut state = 1_u32;
        let noise = image::GrayImage::from_fn(1_500, 1_500, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            image::Luma([if state >> 31 == 0 { 0 } else { 255 }])
        });
        let mut file = Vec::new();
        noise.write_to(&mut Cursor::new(&mut file), ImageFormat::Png).unwrap();
        assert!(file.len() < MAX_BYTES);
        let picture = sanitise(&file).unwrap();
        assert!(picture.bytes.len() < MAX_BYTES, "{} bytes", picture.bytes.len());
    }

    #[test]
    fn exif_orientation_is_applied_and_dropped() {
        let mut jpeg = Vec::new();
        DynamicImage::new_rgb8(4, 2).write_to(&mut Cursor::new(&mut jpeg), ImageFormat::Jpeg).unwrap();
        // An EXIF segment whose only entry says "turn by 90 degrees" (orientation 6).
        let tiff = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let mut turned = vec![0xff, 0xd8, 0xff, 0xe1];
        turned.extend_from_slice(&u16::try_from(tiff.len() + 2).unwrap().to_be_bytes());
        turned.extend_from_slice(tiff);
        turned.extend_from_slice(&jpeg[2..]);
        let picture = sanitise(&turned).unwrap();
        let again = image::load_from_memory(&picture.bytes).unwrap();
        assert_eq!((again.width(), again.height()), (2, 4));
        assert!(!picture.bytes.windows(4).any(|window| window == b"Exif"));
    }

    #[test]
    fn what_is_not_a_picture_is_told_apart() {
        assert!(matches!(sanitise(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), Err(ImageError::NotAnImage)));
        assert!(matches!(sanitise(b""), Err(ImageError::NotAnImage)));
        assert!(matches!(sanitise(&vec![0; MAX_BYTES + 1]), Err(ImageError::TooLarge)));
        assert!(matches!(sanitise(&file(ImageFormat::Png, 4_097, 1)), Err(ImageError::TooManyPixels)));
        assert!(matches!(sanitise(&file(ImageFormat::Png, 3, 3)[..40]), Err(ImageError::Broken(_))));
    }
}
