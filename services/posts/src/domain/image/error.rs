//! The reasons to refuse an uploaded picture. Their texts are part of the API's answers.

/// The reason why a file is not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    /// The file has more bytes than [`super::measure::MAX_BYTES`].
    #[error("A picture may have at most 5 MiB")]
    TooLarge,
    /// The first bytes are not those of a supported format.
    #[error("The file is not a PNG, JPEG, WebP or GIF picture")]
    NotAnImage,
    /// The file is HEIC or AVIF. No decoder in Rust reads all of what phones write.
    #[error("HEIC and AVIF are not taken; send it as a JPEG, which phones and browsers can save and share")]
    Heif,
    /// The picture is wider, higher or larger than the limits.
    #[error("must have at most 4096 x 4096 and 16 million pixels")]
    TooManyPixels,
    /// The file has more than one frame.
    #[error("must not be animated; send one frame of it, or a still picture")]
    Animated,
    /// The colour profile describes inks.
    #[error("is made for print (CMYK); save it in RGB")]
    ForPrint,
    /// The transfer function is PQ or HLG, which cannot be shown faithfully in 8 bits of sRGB.
    #[error("has a high dynamic range (PQ or HLG); save it for ordinary screens (sRGB)")]
    HighDynamicRange,
    /// A decoder or an encoder failed. The field holds its message, which goes to the log and not to the client.
    #[error("cannot be read as a picture: it is damaged, or a part of it is missing")]
    Broken(String),
}

impl From<image::ImageError> for ImageError {
    fn from(error: image::ImageError) -> Self {
        Self::Broken(error.to_string())
    }
}
