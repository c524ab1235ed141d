//! The limits of a picture, and the checks that need its first bytes only.
//!
//! A small file can describe a picture that fills the memory. So the size is read from the head of the file and compared
//! with the limits before anything is decoded.

use std::io::Cursor;

use image::{ImageFormat, ImageReader, Limits};

use super::error::ImageError;

/// The largest accepted file, in bytes.
pub(crate) const MAX_BYTES: usize = 5 * 1024 * 1024;
/// The longest accepted side, in pixels.
const MAX_SIDE: u32 = 4_096;
/// The largest accepted area, in pixels.
pub(crate) const MAX_PIXELS: u32 = 16_000_000;
/// The most that a decoder may allocate, in bytes: 16 million pixels of 8 bytes each fit.
pub(super) const MAX_ALLOC: usize = 128 * 1024 * 1024;

/// The brands of HEIF files (ISO/IEC 23008-12, annex B, and the AVIF specification): HEIC and AVIF, single and in
/// sequences.
const HEIF_BRANDS: [&[u8; 4]; 11] =
    [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"avif", b"avis"];

/// Recognises the format of a file by its first bytes, and reads from its head how many pixels the picture has.
///
/// # Errors
/// [`ImageError::NotAnImage`], [`ImageError::Heif`], [`ImageError::TooManyPixels`], [`ImageError::Broken`].
pub(crate) fn measure(file: &[u8]) -> Result<(ImageFormat, u32), ImageError> {
    if is_heif(file) {
        return Err(ImageError::Heif);
    }
    let format = image::guess_format(file).map_err(|_unknown| ImageError::NotAnImage)?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Gif | ImageFormat::Jpeg | ImageFormat::WebP) {
        return Err(ImageError::NotAnImage);
    }
    let (width, height) = reader(file, format).into_dimensions()?;
    let pixels = width.checked_mul(height).filter(|pixels| *pixels <= MAX_PIXELS);
    match pixels {
        Some(pixels) if width.max(height) <= MAX_SIDE => Ok((format, pixels)),
        _ => Err(ImageError::TooManyPixels),
    }
}

/// Like [`measure`], for a file that somebody has sent. A file that this service has written may be larger.
///
/// # Errors
/// [`ImageError::TooLarge`], and the errors of [`measure`].
pub(crate) fn measure_upload(file: &[u8]) -> Result<(ImageFormat, u32), ImageError> {
    if file.len() > MAX_BYTES {
        return Err(ImageError::TooLarge);
    }
    measure(file)
}

/// Reads the width and the height of a picture from the head of its file.
///
/// # Errors
/// [`ImageError`] when the file is damaged.
pub(crate) fn dimensions(file: &[u8]) -> Result<(u32, u32), ImageError> {
    let (format, _pixels) = measure(file)?;
    Ok(reader(file, format).into_dimensions()?)
}

/// True for a file that begins as HEIC and AVIF do: with a box `ftyp` that names one of their brands.
fn is_heif(file: &[u8]) -> bool {
    let brand = file.get(4..8).filter(|kind| *kind == b"ftyp").and_then(|_| file.get(8..12));
    brand.is_some_and(|brand| HEIF_BRANDS.iter().any(|known| *known == brand))
}

/// Creates a reader of this format that allocates at most [`MAX_ALLOC`] bytes.
pub(super) fn reader(file: &[u8], format: ImageFormat) -> ImageReader<Cursor<&[u8]>> {
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_ALLOC as u64);
    reader.limits(limits);
    reader
}
