//! Colours: the space that a file says its numbers are in, and the way from there to sRGB, which every browser assumes of
//! a picture that says nothing.

use image::{DynamicImage, RgbaImage};
use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, CmsError, ColorPrimaries, ColorProfile, DataColorSpace, Layout,
    MatrixCoefficients, ToneReprCurve, TransferCharacteristics, TransformExecutor, TransformOptions,
};
use png::{CodingIndependentCodePoints, ColorType, Info, ScaledFloat, SourceChromaticities};

use super::image::ImageError;

/// The gamma and the corners of sRGB as PNG writes them, in units of 1/100 000, and how far from them is still sRGB.
const SRGB_GAMMA: u32 = 45_455;
const SRGB_CORNERS: [u32; 8] = [31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000];
const SAME: u32 = 500;

/// The colour space that an ICC profile describes. `None` is sRGB, which is also assumed when the profile is broken, or is for
/// gray and the picture is coloured.
///
/// # Errors
/// [`ImageError::ForPrint`] for inks, whose mixture only the profile knows.
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

/// The colour space of a PNG: of its chunks cICP, iCCP, sRGB, and gAMA with cHRM the first one counts.
///
/// # Errors
/// [`ImageError::ForPrint`] and [`ImageError::HighDynamicRange`].
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
    let gamma = gamma.filter(|gamma| gamma.abs_diff(SRGB_GAMMA) > SAME);
    let corners = info.chrm_chunk.and_then(colorants);
    if gamma.is_none() && corners.is_none() {
        return Ok(None);
    }
    let mut profile = corners.unwrap_or_else(ColorProfile::new_srgb);
    if let Some(gamma) = gamma {
        // The file's numbers are light to the power of this gamma.
        let exponent = 100_000.0 / f64::from(gamma);
        profile = with_curve(profile, &ToneReprCurve::Parametric(vec![exponent as f32]));
    }
    Ok(Some(profile))
}

fn of_code_points(points: CodingIndependentCodePoints) -> Result<Option<ColorProfile>, ImageError> {
    let primaries = CicpColorPrimaries::try_from(points.color_primaries);
    let transfer = TransferCharacteristics::try_from(points.transfer_function);
    let (Ok(color_primaries), Ok(transfer_characteristics)) = (primaries, transfer) else { return Ok(None) };
    if matches!(transfer_characteristics, TransferCharacteristics::Smpte2084 | TransferCharacteristics::Hlg) {
        return Err(ImageError::HighDynamicRange);
    }
    if (points.color_primaries, points.transfer_function) == (1, 13) {
        return Ok(None);
    }
    let matrix_coefficients = MatrixCoefficients::Identity;
    let points = CicpProfile { color_primaries, transfer_characteristics, matrix_coefficients, full_range: true };
    Ok(Some(ColorProfile::new_from_cicp(points)).filter(|profile| profile.red_trc.is_some()))
}

/// sRGB with other corners. `None`: they are those of sRGB, or no triangle.
fn colorants(given: SourceChromaticities) -> Option<ColorProfile> {
    let corners = [given.white, given.red, given.green, given.blue];
    let numbers = corners.iter().flat_map(|(x, y)| [x.into_scaled(), y.into_scaled()]);
    if numbers.zip(SRGB_CORNERS).all(|(number, usual)| number.abs_diff(usual) <= SAME) {
        return None;
    }
    let [white, red, green, blue] = corners.map(|(x, y)| Chromaticity { x: x.into_value(), y: y.into_value() });
    let area = (green.x - red.x) * (blue.y - red.y) - (blue.x - red.x) * (green.y - red.y);
    if area.abs() < 0.001 || [white, red, green, blue].iter().any(|corner| corner.y < 0.001) {
        return None;
    }
    let mut profile = ColorProfile::new_srgb();
    profile.update_rgb_colorimetry(white.to_xyyb(), ColorPrimaries { red, green, blue });
    Some(profile)
}

fn with_curve(mut profile: ColorProfile, curve: &ToneReprCurve) -> ColorProfile {
    // Code points would count more than the curves.
    profile.cicp = None;
    profile.red_trc = Some(curve.clone());
    profile.green_trc = Some(curve.clone());
    profile.blue_trc = Some(curve.clone());
    profile
}

/// The picture in sRGB with 8 bits a sample. Numbers of 16 bits are rounded last, because dark tones of a linear space would
/// otherwise fall together. A profile that cannot be applied is ignored, as browsers do.
pub(crate) fn to_srgb(picture: DynamicImage, profile: &ColorProfile) -> RgbaImage {
    let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
    let width = picture.width() as usize;
    if picture.color().bytes_per_pixel() / picture.color().channel_count() > 1 {
        let mut pixels = picture.into_rgba16();
        if let Ok(transform) = profile.create_transform_16bit(Layout::Rgba, &srgb, Layout::Rgba, options) {
            note(apply(&*transform, width, &mut pixels));
        }
        return DynamicImage::from(pixels).into_rgba8();
    }
    let mut pixels = picture.into_rgba8();
    if let Ok(transform) = profile.create_transform_8bit(Layout::Rgba, &srgb, Layout::Rgba, options) {
        note(apply(&*transform, width, &mut pixels));
    }
    pixels
}

/// Row by row, since a second picture would take as much memory as the first.
fn apply<T: Copy + Default>(
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

fn note(applied: Result<(), CmsError>) {
    if let Err(error) = applied {
        tracing::debug!(%error, "A colour profile could not be applied.");
    }
}
