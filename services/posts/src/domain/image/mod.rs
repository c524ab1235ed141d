//! Uploaded pictures: recognised by their content, measured before they are decoded, converted to sRGB, turned upright
//! and encoded anew.
//!
//! Encoding anew drops EXIF data, trailing bytes and whatever else a file can hide. The picture still looks the same:
//! colours are converted rather than reinterpreted, transparency stays, and an animation is refused rather than reduced
//! to one frame. ADR 17 says why, and why the limits are what they are.

mod avatar;
mod error;
mod measure;
mod name;
mod sanitise;
mod sizes;

mod colours;
mod encode;
mod inspect;
mod jpeg;

pub(crate) use avatar::make_avatar;
pub(crate) use error::ImageError;
pub(crate) use measure::{MAX_PIXELS, dimensions, measure, measure_upload};
pub(crate) use name::{FileName, is_stem, narrower};
pub(crate) use sanitise::{SafePicture, sanitise};
pub(crate) use sizes::{Size, make_sizes};
