//! The avatar of a person: the middle of a picture, as a small square.

use image::ImageFormat;
use image::imageops::crop_imm;

use super::encode::Canvas;
use super::error::ImageError;
use super::sanitise::{Decoded, SafePicture, decode};
use super::sizes::{resize, smaller_webp};

/// The longest side of an avatar in pixels. That is enough for 128 on a screen with two pixels for one.
const SIDE: u32 = 256;

/// Makes an avatar of a file that a person has sent. A picture with a shorter side than [`SIDE`] is not enlarged.
///
/// The computation is long, so run it on a blocking thread.
///
/// # Errors
/// Every variant of [`ImageError`].
pub(crate) fn make_avatar(file: &[u8]) -> Result<SafePicture, ImageError> {
    let Decoded { picture, format, .. } = decode(file)?;
    let picture = picture.into_rgba8();
    let side = picture.width().min(picture.height());
    let (left, top) = ((picture.width() - side) / 2, (picture.height() - side) / 2);
    let middle = crop_imm(&picture, left, top, side, side).to_image();
    let canvas = Canvas::new(resize(&middle, side.min(SIDE))?);
    let (bytes, extension) = match format {
        ImageFormat::Jpeg => (canvas.jpeg()?, "jpg"),
        _ => (smaller_webp(&canvas)?, "webp"),
    };
    Ok(SafePicture { bytes, extension, width: side.min(SIDE), height: side.min(SIDE) })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{Rgba, RgbaImage};

    use super::*;

    fn avatar_of(picture: &RgbaImage, format: ImageFormat) -> (RgbaImage, &'static str) {
        let mut file = Vec::new();
        let picture = image::DynamicImage::from(picture.clone());
        let picture = if format == ImageFormat::Jpeg { picture.into_rgb8().into() } else { picture };
        picture.write_to(&mut Cursor::new(&mut file), format).unwrap();
        let avatar = make_avatar(&file).unwrap();
        let again = image::load_from_memory(&avatar.bytes).unwrap().into_rgba8();
        assert_eq!((again.width(), again.height()), (avatar.width, avatar.height));
        (again, avatar.extension)
    }

    #[test]
    fn the_middle_of_a_picture_stays() {
        // Red, green and blue beside each other; the green third is the square in the middle.
        let stripes = RgbaImage::from_fn(1_200, 400, |x, _| {
            let mut colour = [0, 0, 0, 255];
            colour[x as usize / 400] = 255;
            Rgba(colour)
        });
        let upright = image::imageops::rotate90(&stripes);
        for picture in [stripes, upright] {
            let (avatar, extension) = avatar_of(&picture, ImageFormat::Png);
            assert_eq!((avatar.width(), avatar.height(), extension), (SIDE, SIDE, "webp"));
            assert!(avatar.pixels().all(|pixel| pixel.0 == [0, 255, 0, 255]));
            assert_eq!(avatar_of(&picture, ImageFormat::Jpeg).1, "jpg");
        }
    }

    #[test]
    fn a_small_picture_is_not_enlarged_and_keeps_its_transparency() {
        let (avatar, _) = avatar_of(&RgbaImage::from_pixel(31, 2, Rgba([9, 8, 7, 0])), ImageFormat::Png);
        assert_eq!((avatar.width(), avatar.height()), (2, 2));
        assert!(avatar.pixels().all(|pixel| pixel.0[3] == 0));
    }
}
