//! The sizes of a picture: the same picture with fewer pixels, for narrow screens.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{PixelType, ResizeOptions, Resizer};
use image::RgbaImage;

use super::encode::Canvas;
use super::error::ImageError;
use super::measure::{measure, reader};
use super::name::{FileName, narrower};

/// A size of a picture, ready to be stored.
#[derive(Debug)]
pub(crate) struct Size {
    /// The name of the file.
    pub(crate) name: FileName,
    /// The bytes of the file.
    pub(crate) bytes: Vec<u8>,
}

/// Makes the sizes of a picture that [`super::sanitise()`] has made.
///
/// The computation is long, so run it on a blocking thread.
///
/// # Errors
/// [`ImageError`] when the file is damaged.
pub(crate) fn make_sizes(name: &FileName, file: &[u8]) -> Result<Vec<Size>, ImageError> {
    let (format, _pixels) = measure(file)?;
    let picture = reader(file, format).decode()?.into_rgba8();
    narrower(picture.width()).map(|width| make_size(name.with_width(width), &picture, width)).collect()
}

fn make_size(name: FileName, picture: &RgbaImage, width: u32) -> Result<Size, ImageError> {
    let canvas = Canvas::new(resize(picture, width)?);
    let bytes = if name.extension == "jpg" { canvas.jpeg()? } else { smaller_webp(&canvas)? };
    Ok(Size { name, bytes })
}

/// Encodes a small picture as WebP. Drawings take fewer bytes without loss, photographs with loss.
pub(super) fn smaller_webp(canvas: &Canvas) -> Result<Vec<u8>, ImageError> {
    let (lossless, lossy) = (canvas.webp(true)?, canvas.webp(false)?);
    Ok(if lossless.len() <= lossy.len() { lossless } else { lossy })
}

/// Scales a picture to this width. Colours count by their opacity, so that the black behind transparent pixels does not
/// darken an edge.
pub(super) fn resize(picture: &RgbaImage, width: u32) -> Result<RgbaImage, ImageError> {
    let failed = |error: &dyn std::fmt::Display| ImageError::Broken(error.to_string());
    let height = u64::from(picture.height()) * u64::from(width) / u64::from(picture.width().max(1));
    let height = u32::try_from(height.max(1)).map_err(|error| failed(&error))?;
    let source = ImageRef::new(picture.width(), picture.height(), picture.as_raw(), PixelType::U8x4);
    let mut scaled = Image::new(width, height, PixelType::U8x4);
    let source = source.map_err(|error| failed(&error))?;
    Resizer::new().resize(&source, &mut scaled, &ResizeOptions::new()).map_err(|error| failed(&error))?;
    let pixels = RgbaImage::from_raw(width, height, scaled.into_vec());
    pixels.ok_or_else(|| ImageError::Broken("it cannot be scaled".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageFormat, Rgba};

    use super::*;
    use crate::domain::image::sanitise;

    fn sizes_of(picture: DynamicImage, format: ImageFormat) -> Vec<Size> {
        let mut file = Vec::new();
        picture.write_to(&mut Cursor::new(&mut file), format).unwrap();
        let picture = sanitise(&file).unwrap();
        let name = FileName::of_picture("0123456789abcdef0123456789abcdef", picture.extension);
        make_sizes(&name, &picture.bytes).unwrap()
    }

    /// The width, the height and the extension of each size.
    fn described(sizes: &[Size]) -> Vec<(u32, u32, &'static str)> {
        let of_one = |size: &Size| {
            let picture = image::load_from_memory(&size.bytes).unwrap();
            assert_eq!(size.name.width, Some(picture.width()));
            (picture.width(), picture.height(), size.name.extension)
        };
        sizes.iter().map(of_one).collect()
    }

    #[test]
    fn a_picture_has_the_sizes_that_are_narrower() {
        let white =
            |width, height| DynamicImage::from(image::RgbImage::from_pixel(width, height, image::Rgb([255; 3])));
        let jpeg = sizes_of(white(2_000, 1_000), ImageFormat::Jpeg);
        assert_eq!(described(&jpeg), [(320, 160, "jpg"), (640, 320, "jpg"), (1_280, 640, "jpg")]);
        let png = sizes_of(white(1_280, 1), ImageFormat::Png);
        assert_eq!(described(&png), [(320, 1, "webp"), (640, 1, "webp")]);
        assert!(sizes_of(white(320, 4_000), ImageFormat::Png).is_empty());
    }

    #[test]
    fn an_edge_to_nothing_keeps_its_colour() {
        // Yellow beside nothing, in columns that no size has alone.
        let picture =
            image::RgbaImage::from_fn(1_001, 20, |x, _| Rgba([255, 255, 0, if x % 14 < 7 { 255 } else { 0 }]));
        for size in sizes_of(picture.into(), ImageFormat::Png) {
            let scaled = image::load_from_memory(&size.bytes).unwrap().into_rgba8();
            let seen: Vec<_> = scaled.pixels().filter(|pixel| pixel.0[3] > 60).collect();
            assert!(seen.len() > 100 && scaled.pixels().any(|pixel| pixel.0[3] == 0));
            assert!(seen.iter().all(|pixel| pixel.0[0] > 200 && pixel.0[1] > 200 && pixel.0[2] < 60), "{}", size.name);
        }
    }

    #[test]
    fn a_photograph_gets_smaller_with_each_size() {
        let picture = image::RgbImage::from_fn(1_500, 1_000, |x, y| {
            let wave = |a: f64, b: f64| ((f64::from(x) / a).sin() * (f64::from(y) / b).cos() * 100.0 + 128.0) as u8;
            image::Rgb([wave(7.0, 9.0), wave(31.0, 5.0), wave(13.0, 17.0)])
        });
        for format in [ImageFormat::Jpeg, ImageFormat::Png] {
            let sizes = sizes_of(picture.clone().into(), format);
            let bytes: Vec<usize> = sizes.iter().map(|size| size.bytes.len()).collect();
            assert!(bytes.is_sorted() && bytes.len() == 3, "{bytes:?}");
            assert!(bytes[2] < 400_000, "{bytes:?}");
        }
    }
}
