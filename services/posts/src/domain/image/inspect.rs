//! The properties of a file that its decoded pixels no longer tell: the colour space, the kind of compression, and
//! whether there is more than one frame.

use std::io::Cursor;

use gif::DecodeOptions;
use image::{ImageDecoder, ImageFormat};
use moxcms::ColorProfile;
use webp::{BitstreamFeatures, BitstreamFormat};

use super::colours;
use super::error::ImageError;
use super::measure::MAX_ALLOC;

/// The properties of a still picture's file.
pub(super) struct Properties {
    /// The colour space; `None` is sRGB.
    pub(super) profile: Option<ColorProfile>,
    /// True when the file was compressed with loss, so that another lossy encoding is acceptable.
    pub(super) lossy: bool,
}

/// Reads the properties of a file. `decoder` is an open decoder of the same file.
///
/// # Errors
/// [`ImageError::Animated`], [`ImageError::ForPrint`], [`ImageError::HighDynamicRange`], [`ImageError::Broken`].
pub(super) fn inspect(
    file: &[u8],
    format: ImageFormat,
    decoder: &mut impl ImageDecoder,
) -> Result<Properties, ImageError> {
    let lossy = match format {
        ImageFormat::Png => return inspect_png(file),
        ImageFormat::Gif if is_animated_gif(file) => return Err(ImageError::Animated),
        ImageFormat::Gif => false,
        ImageFormat::WebP => {
            let features = BitstreamFeatures::new(file);
            if features.as_ref().is_some_and(BitstreamFeatures::has_animation) {
                return Err(ImageError::Animated);
            }
            !features.is_some_and(|features| matches!(features.format(), Some(BitstreamFormat::Lossless)))
        }
        _ => true,
    };
    let (profile, coloured) = (decoder.icc_profile()?, decoder.color_type().has_color());
    let profile = profile.map(|profile| colours::of_icc(&profile, coloured)).transpose()?.flatten();
    Ok(Properties { profile, lossy })
}

/// Reads the properties of a PNG with the crate `png`, because the crate `image` reports neither animations nor the
/// chunks cICP, gAMA and cHRM.
fn inspect_png(file: &[u8]) -> Result<Properties, ImageError> {
    let limits = png::Limits { bytes: MAX_ALLOC };
    let reader = png::Decoder::new_with_limits(Cursor::new(file), limits).read_info();
    let reader = reader.map_err(|error| ImageError::Broken(error.to_string()))?;
    let info = reader.info();
    // A default image without frame control is not a part of the animation, so that even an animation of one frame
    // shows something else than the default image.
    let is_animated = |frames: &png::AnimationControl| frames.num_frames > 1 || info.frame_control().is_none();
    if info.animation_control().is_some_and(is_animated) {
        return Err(ImageError::Animated);
    }
    Ok(Properties { profile: colours::of_png(info)?, lossy: false })
}

/// True when a GIF has a second frame. Broken data after the first frame does not count as one.
fn is_animated_gif(file: &[u8]) -> bool {
    let Ok(mut frames) = DecodeOptions::new().read_info(file) else { return false };
    (0..2).all(|_| matches!(frames.next_frame_info(), Ok(Some(_))))
}
