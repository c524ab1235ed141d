//! The names of the files in the media store.

use std::fmt::{Display, Formatter};

/// The widths of the sizes of pictures, in pixels.
const WIDTHS: [u32; 3] = [320, 640, 1_280];

/// Lists the widths of the sizes of a picture with this width: those that are smaller.
pub(crate) fn narrower(width: u32) -> impl Iterator<Item = u32> {
    WIDTHS.into_iter().filter(move |size| *size < width)
}

/// The name of a file: a random stem, for a size of a picture its width, and an extension that decides the media type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileName {
    /// The stem, which all files of a picture share, and which is the picture's id.
    pub(crate) stem: String,
    /// The width of a size; `None` for the picture itself.
    pub(crate) width: Option<u32>,
    /// The extension without the dot.
    pub(crate) extension: &'static str,
}

impl FileName {
    /// Creates the name of a picture itself. An extension that no picture has becomes `png`.
    pub(crate) fn of_picture(stem: &str, extension: &str) -> Self {
        Self { stem: stem.to_owned(), width: None, extension: known_extension(extension).unwrap_or("png") }
    }

    /// Reads a name. `None` for every name that this service cannot have given to a file: a name from a path must not
    /// reach other files.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (stem, extension) = name.split_once('.')?;
        let (stem, width) = match stem.split_once('-') {
            Some((stem, width)) => (stem, Some(width)),
            None => (stem, None),
        };
        let width = match width {
            Some(width) => Some(narrower(u32::MAX).find(|known| known.to_string() == width)?),
            None => None,
        };
        is_stem(stem).then_some(Self { stem: stem.to_owned(), width, extension: known_extension(extension)? })
    }

    /// Returns the name of the file of a size of this picture. JPEG has sizes in JPEG. The sizes of all other formats
    /// are WebP, which has transparency and both kinds of compression.
    pub(crate) fn with_width(&self, width: u32) -> Self {
        let extension = if self.extension == "jpg" { "jpg" } else { "webp" };
        Self { stem: self.stem.clone(), width: Some(width), extension }
    }

    /// Lists the names of the files of a picture with this width in pixels: the picture itself, and its sizes.
    pub(crate) fn with_sizes(self, width: u32) -> Vec<Self> {
        let sizes: Vec<Self> = narrower(width).map(|size| self.with_width(size)).collect();
        std::iter::once(self).chain(sizes).collect()
    }

    /// Returns the media type of the file.
    pub(crate) fn media_type(&self) -> &'static str {
        match self.extension {
            "jpg" => "image/jpeg",
            "webp" => "image/webp",
            _ => "image/png",
        }
    }
}

impl Display for FileName {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self.width {
            Some(width) => write!(f, "{}-{width}.{}", self.stem, self.extension),
            None => write!(f, "{}.{}", self.stem, self.extension),
        }
    }
}

/// True for a text that can be the stem of a picture, and so its id.
pub(crate) fn is_stem(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn known_extension(extension: &str) -> Option<&'static str> {
    ["png", "jpg", "webp"].into_iter().find(|known| *known == extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEM: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_name_is_read_as_it_is_written() {
        let picture = FileName::of_picture(STEM, "png");
        let names: Vec<String> = picture.clone().with_sizes(700).iter().map(ToString::to_string).collect();
        assert_eq!(names, [format!("{STEM}.png"), format!("{STEM}-320.webp"), format!("{STEM}-640.webp")]);
        for name in names {
            assert_eq!(FileName::parse(&name).unwrap().to_string(), name);
        }
        assert_eq!(FileName::of_picture(STEM, "jpg").with_width(320).media_type(), "image/jpeg");
    }

    #[test]
    fn no_other_name_is_read() {
        let upper = STEM.to_uppercase();
        for name in [
            "",
            "nothing",
            STEM,
            &format!("{STEM}.svg"),
            &format!("{STEM}x.png"),
            &format!("{upper}.png"),
            &format!("{STEM}-321.webp"),
            &format!("{STEM}-0320.webp"),
            &format!("{STEM}-.webp"),
            &format!("{STEM}.png/../x"),
            "../0123456789abcdef0123456789abc.png",
        ] {
            assert_eq!(FileName::parse(name), None, "{name}");
        }
    }
}
