//! The conversion of an uploaded file into a file that is safe to store.

use image::{DynamicImage, ImageDecoder, ImageFormat};

use super::encode::Canvas;
use super::error::ImageError;
use super::measure::{MAX_BYTES, measure_upload, reader};
use super::{colours, inspect, jpeg};

/// A picture that is safe to store and to serve.
#[derive(Debug)]
pub(crate) struct SafePicture {
    /// The bytes of the file.
    pub(crate) bytes: Vec<u8>,
    /// The extension of the file's name, without the dot. It decides the media type under which the file is served.
    pub(crate) extension: &'static str,
    /// The width in pixels, after it was turned upright.
    pub(crate) width: u32,
    /// The height in pixels, after it was turned upright.
    pub(crate) height: u32,
}

/// Decodes a file and encodes it anew so that it looks the same.
///
/// A JPEG stays a JPEG. Any other format is encoded without loss, a GIF as PNG, unless the file was lossy already or
/// the result would exceed [`MAX_BYTES`]: then it becomes a lossy WebP, which keeps transparency.
///
/// The computation is long, so run it on a blocking thread.
///
/// # Errors
/// Every variant of [`ImageError`].
pub(crate) fn sanitise(file: &[u8]) -> Result<SafePicture, ImageError> {
    let Decoded { picture, format, lossy } = decode(file)?;
    let (width, height) = (picture.width(), picture.height());
    let (bytes, extension) = encode(&Canvas::new(picture.into_rgba8()), format, lossy)?;
    Ok(SafePicture { bytes, extension, width, height })
}

/// A decoded file.
pub(super) struct Decoded {
    /// The picture in sRGB, upright.
    pub(super) picture: DynamicImage,
    /// The format of the file.
    pub(super) format: ImageFormat,
    /// True when the file has lost details already.
    pub(super) lossy: bool,
}

/// Decodes a file that a person has sent.
///
/// # Errors
/// Every variant of [`ImageError`].
pub(super) fn decode(file: &[u8]) -> Result<Decoded, ImageError> {
    let (format, _pixels) = measure_upload(file)?;
    // The JPEG decoder fills up missing rows with gray instead of failing.
    if format == ImageFormat::Jpeg && !jpeg::is_whole(file) {
        return Err(ImageError::Broken("the JPEG has no end".to_owned()));
    }
    let mut decoder = reader(file, format).into_decoder()?;
    let properties = inspect::inspect(file, format, &mut decoder)?;
    let orientation = decoder.orientation()?;
    let picture = DynamicImage::from_decoder(decoder)?;
    let mut picture = match &properties.profile {
        Some(profile) => DynamicImage::from(colours::to_srgb(picture, profile)),
        None => picture,
    };
    // The EXIF field with the orientation is about to be dropped, so the pixels themselves are turned.
    picture.apply_orientation(orientation);
    Ok(Decoded { picture, format, lossy: properties.lossy })
}

/// Encodes a picture that came in this format. Returns the bytes with the extension of their format.
fn encode(canvas: &Canvas, format: ImageFormat, lossy: bool) -> Result<(Vec<u8>, &'static str), ImageError> {
    if format == ImageFormat::Jpeg {
        return Ok((canvas.jpeg()?, "jpg"));
    }
    if !lossy {
        let (bytes, extension) =
            if format == ImageFormat::WebP { (canvas.webp(true)?, "webp") } else { (canvas.png()?, "png") };
        // A file that another encoder has packed harder may become larger than it was.
        if bytes.len() <= MAX_BYTES {
            return Ok((bytes, extension));
        }
    }
    Ok((canvas.webp(false)?, "webp"))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::ImageEncoder;
    use moxcms::ColorProfile;

    use super::*;

    /// A black picture as a file.
    fn file(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        DynamicImage::new_rgb8(width, height).to_rgba8().write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    #[test]
    fn trailing_bytes_do_not_survive() {
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
        // Noise of two colours takes 1 bit a pixel in the sent file, and would take 32 as plain RGBA.
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

    /// A colour in the space Display P3, and the same colour in sRGB.
    const P3: [u8; 4] = [200, 150, 60, 255];
    const SRGB: [u8; 4] = [209, 147, 32, 255];

    /// A file of one colour with an ICC profile.
    fn profiled(format: ImageFormat, colour: [u8; 4], profile: Vec<u8>) -> Vec<u8> {
        let (mut bytes, picture) = (Vec::new(), image::RgbaImage::from_pixel(16, 16, image::Rgba(colour)));
        let rgb = DynamicImage::from(picture.clone()).into_rgb8();
        match format {
            ImageFormat::Jpeg => {
                let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 100);
                encoder.set_icc_profile(profile).unwrap();
                rgb.write_with_encoder(encoder).unwrap();
            }
            ImageFormat::Png => {
                let mut encoder = image::codecs::png::PngEncoder::new(&mut bytes);
                encoder.set_icc_profile(profile).unwrap();
                picture.write_with_encoder(encoder).unwrap();
            }
            _ => {
                let mut encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut bytes);
                encoder.set_icc_profile(profile).unwrap();
                picture.write_with_encoder(encoder).unwrap();
            }
        }
        bytes
    }

    /// A PNG of one row; `more` adds chunks to it.
    fn png(
        kind: png::ColorType,
        depth: png::BitDepth,
        samples: &[u8],
        more: impl FnOnce(&mut png::Encoder<'_, &mut Vec<u8>>),
    ) -> Vec<u8> {
        let (mut bytes, bits) = (Vec::new(), 8 * samples.len());
        let width = bits / (kind.samples() * depth as usize);
        let mut encoder = png::Encoder::new(&mut bytes, u32::try_from(width).unwrap(), 1);
        encoder.set_color(kind);
        encoder.set_depth(depth);
        more(&mut encoder);
        encoder.write_header().unwrap().write_image_data(samples).unwrap();
        bytes
    }

    fn first_pixel(file: &[u8]) -> [u8; 4] {
        image::load_from_memory(&sanitise(file).unwrap().bytes).unwrap().into_rgba8().get_pixel(0, 0).0
    }

    #[track_caller]
    fn looks_like(pixel: [u8; 4], wanted: [u8; 4]) {
        let near = pixel.iter().zip(wanted).all(|(one, other)| one.abs_diff(other) <= 2);
        assert!(near, "{pixel:?} instead of {wanted:?}");
    }

    #[test]
    fn a_picture_with_a_colour_profile_looks_the_same_without_it() {
        let p3 = ColorProfile::new_display_p3().encode().unwrap();
        for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
            looks_like(first_pixel(&profiled(format, P3, p3.clone())), SRGB);
            let picture = sanitise(&profiled(format, P3, p3.clone())).unwrap();
            assert!(!picture.bytes.windows(4).any(|window| window == b"acsp"), "the profile is gone");
        }
        let mut half = P3;
        half[3] = 128;
        let wanted = [SRGB[0], SRGB[1], SRGB[2], 128];
        looks_like(first_pixel(&profiled(ImageFormat::Png, half, p3.clone())), wanted);
        looks_like(first_pixel(&profiled(ImageFormat::WebP, half, p3)), wanted);
    }

    #[test]
    fn the_other_declarations_of_a_colour_space_are_followed_too() {
        use png::{BitDepth, ColorType, ScaledFloat, SourceChromaticities};
        let gray = |gamma| ColorProfile::new_gray_with_gamma(gamma).encode().unwrap();
        let mut file = Vec::new();
        let mut encoder = image::codecs::png::PngEncoder::new(&mut file);
        encoder.set_icc_profile(gray(1.0)).unwrap();
        image::GrayImage::from_pixel(2, 2, image::Luma([55])).write_with_encoder(encoder).unwrap();
        looks_like(first_pixel(&file), [128, 128, 128, 255]);
        // A gray profile in a coloured picture is ignored.
        looks_like(first_pixel(&profiled(ImageFormat::Png, P3, gray(1.0))), P3);

        let linear = png(ColorType::Rgb, BitDepth::Sixteen, &[55, 0, 55, 0, 0, 0], |encoder| {
            encoder.set_source_gamma(ScaledFloat::new(1.0));
        });
        looks_like(first_pixel(&linear), [128, 128, 0, 255]);
        let usual = png(ColorType::Rgb, BitDepth::Eight, &P3[..3], |encoder| {
            encoder.set_source_gamma(ScaledFloat::new(0.45455));
        });
        assert_eq!(first_pixel(&usual), P3);
        let corners = png(ColorType::Rgb, BitDepth::Eight, &P3[..3], |encoder| {
            encoder.set_source_gamma(ScaledFloat::new(0.45455));
            let (white, red, green, blue) = ((0.3127, 0.329), (0.68, 0.32), (0.265, 0.69), (0.15, 0.06));
            encoder.set_source_chromaticities(SourceChromaticities::new(white, red, green, blue));
        });
        looks_like(first_pixel(&corners), SRGB);
        let code_points = |transfer: u8| {
            let mut bytes = Vec::new();
            let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
            encoder.set_color(ColorType::Rgb);
            let mut writer = encoder.write_header().unwrap();
            writer.write_chunk(png::chunk::ChunkType(*b"cICP"), &[12, transfer, 0, 1]).unwrap();
            writer.write_image_data(&P3[..3]).unwrap();
            writer.finish().unwrap();
            bytes
        };
        looks_like(first_pixel(&code_points(13)), SRGB);
        assert!(matches!(sanitise(&code_points(16)), Err(ImageError::HighDynamicRange)));
    }

    #[test]
    fn a_broken_profile_is_ignored_and_one_for_print_is_refused() {
        let good = ColorProfile::new_display_p3().encode().unwrap();
        let mut lies = good.clone();
        lies[..4].copy_from_slice(&u32::MAX.to_be_bytes());
        let mut tags = good.clone();
        tags[128..132].copy_from_slice(&u32::MAX.to_be_bytes());
        // The first tag claims the largest offset and the largest length.
        let mut far = good.clone();
        far[136..144].fill(0xff);
        for broken in [good[..100].to_vec(), good[..200].to_vec(), vec![0xff; 500], lies, tags, far] {
            for format in [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP] {
                let pixel = first_pixel(&profiled(format, P3, broken.clone()));
                assert!([P3, SRGB].iter().any(|wanted| pixel.iter().zip(wanted).all(|(a, b)| a.abs_diff(*b) <= 2)));
            }
        }
        let mut inks = good;
        inks[16..20].copy_from_slice(b"CMYK");
        assert!(matches!(sanitise(&profiled(ImageFormat::Jpeg, P3, inks)), Err(ImageError::ForPrint)));
    }

    #[test]
    fn a_profile_of_srgb_itself_changes_nothing() {
        let srgb = ColorProfile::new_srgb().encode().unwrap();
        for value in 0..=u8::MAX {
            let colour = [value, u8::MAX - value, value / 2, 255];
            assert_eq!(first_pixel(&profiled(ImageFormat::Png, colour, srgb.clone())), colour);
        }
    }

    #[test]
    fn transparency_stays_and_erased_pixels_lose_their_colour() {
        let mut state = 1_u32;
        let noise = image::RgbaImage::from_fn(300, 300, |x, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [a, b, c, _] = state.to_be_bytes();
            image::Rgba([a, b, c / 2 + 100, if x < 140 { 0 } else { 200 }])
        });
        let lossy = webp::Encoder::from_rgba(noise.as_raw(), 300, 300).encode(60.0).to_vec();
        let mut small = Vec::new();
        image::imageops::crop_imm(&noise, 130, 0, 20, 20)
            .to_image()
            .write_to(&mut Cursor::new(&mut small), ImageFormat::Png)
            .unwrap();
        for file in [lossy, small] {
            let picture = sanitise(&file).unwrap();
            assert_ne!(picture.extension, "jpg");
            let again = image::load_from_memory(&picture.bytes).unwrap().into_rgba8();
            let alphas: Vec<u8> = again.pixels().map(|pixel| pixel.0[3]).collect();
            assert!(alphas.contains(&0) && alphas.contains(&200), "{}", picture.extension);
            if picture.extension == "png" {
                assert!(again.pixels().all(|pixel| pixel.0[3] != 0 || pixel.0 == [0; 4]));
            }
        }
    }

    #[test]
    fn a_picture_does_not_grow_when_it_is_written_anew() {
        let photo = image::RgbImage::from_fn(600, 600, |x, y| {
            let wave = |a: f64, b: f64| ((f64::from(x) / a).sin() * (f64::from(y) / b).cos() * 100.0 + 128.0) as u8;
            image::Rgb([wave(7.0, 9.0), wave(31.0, 5.0), wave(13.0, 17.0)])
        });
        let webp = |quality| webp::Encoder::from_rgb(photo.as_raw(), 600, 600).encode(quality).to_vec();
        let mut gif = Vec::new();
        DynamicImage::from(photo.clone()).into_rgba8().write_to(&mut Cursor::new(&mut gif), ImageFormat::Gif).unwrap();
        // A palette of 16 colours, 4 bits a pixel.
        let mut palette = Vec::new();
        let mut encoder = png::Encoder::new(&mut palette, 600, 600);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Four);
        encoder.set_palette((0..48).map(|n| n * 5).collect::<Vec<u8>>());
        let numbers: Vec<u8> = photo.pixels().take(180_000).map(|pixel| pixel.0[0] ^ pixel.0[2]).collect();
        encoder.write_header().unwrap().write_image_data(&numbers).unwrap();
        let lossless = webp::Encoder::from_rgb(photo.as_raw(), 600, 600).encode_lossless().to_vec();
        for (kind, file, times) in
            [("lossy", webp(75.0), 2), ("lossless", lossless, 2), ("GIF", gif, 2), ("palette", palette, 2)]
        {
            let picture = sanitise(&file).unwrap();
            assert!(picture.bytes.len() <= times * file.len(), "{kind}: {} from {}", picture.bytes.len(), file.len());
        }
    }

    #[test]
    fn animations_are_refused_and_a_single_frame_is_not() {
        let frame = || image::Frame::new(image::RgbaImage::from_pixel(2, 2, image::Rgba([1, 2, 3, 255])));
        let gif = |frames: usize| {
            let mut bytes = Vec::new();
            let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
            encoder.encode_frames((0..frames).map(|_| frame())).unwrap();
            drop(encoder);
            bytes
        };
        let apng = |frames: u32| {
            png(png::ColorType::Rgb, png::BitDepth::Eight, &[1, 2, 3], |encoder| {
                encoder.set_animated(frames, 0).unwrap()
            })
        };
        let config = webp::WebPConfig::new().unwrap();
        let mut webp = webp::AnimEncoder::new(2, 2, &config);
        let pixels = [[1; 12], [200; 12]];
        pixels.iter().zip([0, 100]).for_each(|(pixels, time)| {
            webp.add_frame(webp::AnimFrame::from_rgb(pixels, 2, 2, time));
        });
        for moving in [gif(2), gif(5), apng(2), webp.encode().to_vec()] {
            assert!(matches!(sanitise(&moving), Err(ImageError::Animated)));
        }
        for still in [gif(1), apng(1)] {
            assert_eq!(first_pixel(&still), [1, 2, 3, 255]);
        }
    }

    #[test]
    fn orientation_is_applied_in_every_format_that_has_it() {
        let exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
        let picture = image::RgbaImage::from_pixel(4, 2, image::Rgba(P3));
        let (mut png, mut webp) = (Vec::new(), Vec::new());
        let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
        encoder.set_exif_metadata(exif.clone()).unwrap();
        picture.write_with_encoder(encoder).unwrap();
        let mut encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut webp);
        encoder.set_exif_metadata(exif).unwrap();
        picture.write_with_encoder(encoder).unwrap();
        for file in [png, webp] {
            let again = image::load_from_memory(&sanitise(&file).unwrap().bytes).unwrap();
            assert_eq!((again.width(), again.height()), (2, 4));
        }
    }

    #[test]
    fn unacceptable_files_get_their_reason() {
        assert!(matches!(sanitise(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), Err(ImageError::NotAnImage)));
        assert!(matches!(sanitise(b""), Err(ImageError::NotAnImage)));
        for brand in [&b"heic"[..], b"heix", b"mif1", b"hevc", b"avif", b"avis"] {
            let heif = [&b"\0\0\0\x18ftyp"[..], brand, b"\0\0\0\0mif1heic"].concat();
            assert!(matches!(sanitise(&heif), Err(ImageError::Heif)));
        }
        assert!(matches!(sanitise(b"\0\0\0\x18ftypisom\0\0\0\0"), Err(ImageError::NotAnImage)), "a film");
        assert!(matches!(sanitise(&vec![0; MAX_BYTES + 1]), Err(ImageError::TooLarge)));
        assert!(matches!(sanitise(&file(ImageFormat::Png, 4_097, 1)), Err(ImageError::TooManyPixels)));
        let noise =
            image::RgbaImage::from_fn(200, 200, |x, y| image::Rgba([(x * y) as u8, (x ^ y) as u8, x as u8, 255]));
        for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP] {
            let mut whole = Vec::new();
            let picture = DynamicImage::from(noise.clone());
            let picture = if format == ImageFormat::Jpeg { picture.into_rgb8().into() } else { picture };
            picture.write_to(&mut Cursor::new(&mut whole), format).unwrap();
            sanitise(&whole).unwrap();
            for part in [whole.len() / 3, whole.len() / 2, whole.len() - 12] {
                let broken = sanitise(&whole[..part]).unwrap_err();
                assert!(matches!(broken, ImageError::Broken(_)), "{format:?}: {part} of {}", whole.len());
                assert!(!broken.to_string().contains("decod"), "{broken}");
            }
        }
    }
}
