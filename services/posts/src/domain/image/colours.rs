//! Colour spaces: which one a file declares, and the conversion from there to sRGB.
//!
//! The stored file declares no colour space, and a browser shows such a file as sRGB. So the samples themselves are
//! converted; a file whose profile was merely dropped would change its colours.

use image::{DynamicImage, RgbaImage};
use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, CmsError, ColorPrimaries, ColorProfile, DataColorSpace, Layout,
    MatrixCoefficients, ToneReprCurve, TransferCharacteristics, TransformExecutor, TransformOptions,
};
use png::{CodingIndependentCodePoints, ColorType, Info, ScaledFloat, SourceChromaticities};

use super::error::ImageError;

/// The gamma of sRGB in the unit of PNG's chunk gAMA, 1/100 000.
const SRGB_GAMMA: u32 = 45_455;
/// The white point and the red, green and blue primaries of sRGB in the unit of PNG's chunk cHRM, 1/100 000.
const SRGB_CHROMATICITIES: [u32; 8] = [31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000];
/// The largest difference, in the same unit, with which a value still counts as that of sRGB: encoders round
/// differently.
const TOLERANCE: u32 = 500;

/// The colour space that an ICC profile describes; `None` is sRGB.
///
/// sRGB is also assumed when the profile is broken, when it describes gray although the picture is `coloured`, and when
/// it describes a space other than RGB, gray and CMYK: browsers do the same.
///
/// # Errors
/// [`ImageError::ForPrint`] when the profile describes inks.
pub(crate) fn of_icc(profile: &[u8], coloured: bool) -> Result<Option<ColorProfile>, ImageError> {
    let Ok(profile) = ColorProfile::new_from_slice(profile) else { return Ok(None) };
    match profile.color_space {
        DataColorSpace::Rgb => Ok(Some(profile)),
        DataColorSpace::Gray if coloured => Ok(None),
        DataColorSpace::Gray => Ok(profile.gray_trc.map(|curve| with_curve(ColorProfile::new_srgb(), &curve))),
        DataColorSpace::Cmyk => Err(ImageError::ForPrint),
        _ => Ok(None),
    }
}

/// The colour space of a PNG; `None` is sRGB. The chunks have the precedence of the PNG specification (third edition):
/// cICP, iCCP, sRGB, then gAMA with cHRM.
///
/// # Errors
/// [`ImageError::ForPrint`] when an ICC profile describes inks; [`ImageError::HighDynamicRange`] when the chunk cICP
/// names PQ or HLG.
pub(crate) fn of_png(info: &Info<'_>) -> Result<Option<ColorProfile>, ImageError> {
    if let Some(points) = info.coding_independent_code_points {
        return of_code_points(points);
    }
    if let Some(profile) = &info.icc_profile {
        let coloured = !matches!(info.color_type, ColorType::Grayscale | ColorType::GrayscaleAlpha);
        return of_icc(profile, coloured);
    }
    if info.srgb.is_some() {
        return Ok(None);
    }
    let gamma = info.gama_chunk.map(ScaledFloat::into_scaled).filter(|gamma| *gamma > 0);
    let gamma = gamma.filter(|gamma| gamma.abs_diff(SRGB_GAMMA) > TOLERANCE);
    let primaries = info.chrm_chunk.and_then(with_chromaticities);
    if gamma.is_none() && primaries.is_none() {
        return Ok(None);
    }
    let mut profile = primaries.unwrap_or_else(ColorProfile::new_srgb);
    if let Some(gamma) = gamma {
        // A sample is light raised to the power of gamma. The profile needs the inverse function, from samples to
        // light.
        let exponent = 100_000.0 / f64::from(gamma);
        profile = with_curve(profile, &ToneReprCurve::Parametric(vec![exponent as f32]));
    }
    Ok(Some(profile))
}

/// The colour space of a cICP chunk (code points of ITU-T H.273); `None` is sRGB, also for unknown code points.
fn of_code_points(points: CodingIndependentCodePoints) -> Result<Option<ColorProfile>, ImageError> {
    let primaries = CicpColorPrimaries::try_from(points.color_primaries);
    let transfer = TransferCharacteristics::try_from(points.transfer_function);
    let (Ok(color_primaries), Ok(transfer_characteristics)) = (primaries, transfer) else { return Ok(None) };
    if matches!(transfer_characteristics, TransferCharacteristics::Smpte2084 | TransferCharacteristics::Hlg) {
        return Err(ImageError::HighDynamicRange);
    }
    // The primaries of BT.709 with the transfer function of IEC 61966-2-1 are sRGB.
    if (points.color_primaries, points.transfer_function) == (1, 13) {
        return Ok(None);
    }
    let matrix_coefficients = MatrixCoefficients::Identity;
    let points = CicpProfile { color_primaries, transfer_characteristics, matrix_coefficients, full_range: true };
    Ok(Some(ColorProfile::new_from_cicp(points)).filter(|profile| profile.red_trc.is_some()))
}

/// sRGB with another white point and other primaries. `None` when they are those of sRGB, or span no triangle and so
/// describe no colours.
fn with_chromaticities(given: SourceChromaticities) -> Option<ColorProfile> {
    let points = [given.white, given.red, given.green, given.blue];
    let coordinates = points.iter().flat_map(|(x, y)| [x.into_scaled(), y.into_scaled()]);
    if coordinates.zip(SRGB_CHROMATICITIES).all(|(given, usual)| given.abs_diff(usual) <= TOLERANCE) {
        return None;
    }
    let [white, red, green, blue] = points.map(|(x, y)| Chromaticity { x: x.into_value(), y: y.into_value() });
    let area = (green.x - red.x) * (blue.y - red.y) - (blue.x - red.x) * (green.y - red.y);
    if area.abs() < 0.001 || [white, red, green, blue].iter().any(|point| point.y < 0.001) {
        return None;
    }
    let mut profile = ColorProfile::new_srgb();
    profile.update_rgb_colorimetry(white.to_xyyb(), ColorPrimaries { red, green, blue });
    Some(profile)
}

/// The profile with one tone curve for all three channels.
fn with_curve(mut profile: ColorProfile, curve: &ToneReprCurve) -> ColorProfile {
    // moxcms prefers code points to curves when a profile has both.
    profile.cicp = None;
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve.clone());
    profile
}

/// Converts a picture to sRGB with 8 bits a sample. A profile that cannot be applied is ignored, as browsers do.
pub(crate) fn to_srgb(picture: DynamicImage, profile: &ColorProfile) -> RgbaImage {
    let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
    let width = picture.width() as usize;
    // Samples of 16 bits are converted first and rounded to 8 bits last: in a linear space most dark tones would
    // otherwise round to the same value.
    if picture.color().bytes_per_pixel() / picture.color().channel_count() > 1 {
        let mut pixels = picture.into_rgba16();
        if let Ok(transform) = profile.create_transform_16bit(Layout::Rgba, &srgb, Layout::Rgba, options) {
            log_failure(transform_rows(&*transform, width, &mut pixels));
        }
        return DynamicImage::from(pixels).into_rgba8();
    }
    let mut pixels = picture.into_rgba8();
    if let Ok(transform) = profile.create_transform_8bit(Layout::Rgba, &srgb, Layout::Rgba, options) {
        log_failure(transform_rows(&*transform, width, &mut pixels));
    }
    pixels
}

/// Transforms RGBA samples in place, row by row of `width` pixels, because a second picture would double the memory
/// that a request takes.
fn transform_rows<T: Copy + Default>(
    transform: &(dyn TransformExecutor<T> + Send + Sync),
    width: usize,
    samples: &mut [T],
) -> Result<(), CmsError> {
    let mut before = vec![T::default(); width * 4];
    for row in samples.chunks_exact_mut(width * 4) {
        before.copy_from_slice(row);
        transform.transform(&before, row)?;
    }
    Ok(())
}

fn log_failure(applied: Result<(), CmsError>) {
    if let Err(error) = applied {
        tracing::debug!(%error, "A colour profile could not be applied.");
    }
}
