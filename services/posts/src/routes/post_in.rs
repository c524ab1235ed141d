//! The bodies of requests that write a post, and their rules.

use std::collections::HashSet;

use serde::Deserialize;
use shared::error::FieldErrors;
use shared::http::Validate;
use shared::text::{self, Lines};
use utoipa::ToSchema;

use crate::db::queries::pictures::Wanted;
use crate::domain::image::is_stem;

/// The most pictures of a post.
const MAX_IMAGES: usize = 4;
/// The most characters of the text of a picture.
const MAX_ALT: usize = 1_500;

/// A new post.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostIn {
    #[schema(min_length = 1, max_length = 200, example = "Bees on the balcony")]
    pub(super) title: String,
    #[schema(value_type = String, min_length = 1, max_length = 10000, example = "The #Bees are back. Come and see, @ann!")]
    pub(super) content: Lines,
    /// Pictures that were sent to `POST /media`, in their order.
    #[serde(default)]
    #[schema(max_items = 4)]
    pub(super) images: Vec<ImageIn>,
}

/// A picture that was sent before, for a post.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImageIn {
    /// The id that the answer to `POST /media` has, or the one in the post.
    #[schema(min_length = 32, max_length = 32, pattern = "^[0-9a-f]{32}$")]
    id: String,
    /// A new text for people who do not see the picture; the empty text takes it away, and without this field it stays.
    #[schema(max_length = 1500)]
    alt: Option<String>,
}

/// A new post with a picture, as a form.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only describes the form")]
pub(crate) struct PostForm {
    #[schema(min_length = 1, max_length = 200, example = "Bees on the balcony")]
    title: String,
    #[schema(min_length = 1, max_length = 10000, example = "See the picture")]
    content: String,
    /// PNG, JPEG, WebP or GIF, not animated, of at most 5 MiB, 4096 x 4096 and 16 million pixels.
    #[schema(value_type = String, required = false, format = Binary)]
    image: Option<Vec<u8>>,
    /// The text for people who do not see the picture.
    #[schema(value_type = String, required = false, max_length = 1500)]
    alt: Option<String>,
}

/// A picture without a post, as a form.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only describes the form")]
pub(crate) struct PictureForm {
    /// PNG, JPEG, WebP or GIF, not animated, of at most 5 MiB, 4096 x 4096 and 16 million pixels.
    #[schema(value_type = String, format = Binary)]
    image: Vec<u8>,
    /// The text for people who do not see the picture.
    #[schema(value_type = String, required = false, max_length = 1500)]
    alt: Option<String>,
}

/// The picture of a person, as a form.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only describes the form")]
pub(crate) struct AvatarForm {
    /// PNG, JPEG, WebP or GIF, not animated, of at most 5 MiB, 4096 x 4096 and 16 million pixels.
    #[schema(value_type = String, format = Binary)]
    image: Vec<u8>,
}

/// Changes to a post; at least one field.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostPatch {
    #[schema(min_length = 1, max_length = 200, example = "Bees, again")]
    pub(super) title: Option<String>,
    #[schema(value_type = Option<String>, min_length = 1, max_length = 10000)]
    pub(super) content: Option<Lines>,
    /// All pictures that the post shall have, in their order. Those that are left out are removed for good.
    #[schema(max_items = 4)]
    pub(super) images: Option<Vec<ImageIn>>,
}

fn check_title(errors: &mut FieldErrors, title: &str) {
    text::check_line(errors, "title", title, 1, 200);
}

fn check_content(errors: &mut FieldErrors, content: &Lines) {
    text::check_lines(errors, "content", content, 1, 10_000);
}

/// Checks the text of a picture, which may be empty.
pub(super) fn check_alt(errors: &mut FieldErrors, field: &str, alt: &str) {
    text::check_line(errors, field, alt, 0, MAX_ALT);
}

fn check_images(errors: &mut FieldErrors, images: &[ImageIn]) {
    if images.len() > MAX_IMAGES {
        errors.add("images", format!("must have at most {MAX_IMAGES} pictures"));
    }
    let different: HashSet<&str> = images.iter().map(|image| image.id.as_str()).collect();
    if different.len() < images.len() {
        errors.add("images", "must not have a picture twice");
    }
    for (place, image) in images.iter().enumerate().take(MAX_IMAGES) {
        if !is_stem(&image.id) {
            errors.add(&format!("images/{place}/id"), "must be the id of a picture: 32 digits and letters from a to f");
        }
        if let Some(alt) = &image.alt {
            check_alt(errors, &format!("images/{place}/alt"), alt);
        }
    }
}

/// Returns the pictures that a post is to have.
pub(super) fn wanted(images: Vec<ImageIn>) -> Vec<Wanted> {
    images.into_iter().map(|image| Wanted { stem: image.id, alt: image.alt }).collect()
}

impl Validate for PostIn {
    fn validate(&self, errors: &mut FieldErrors) {
        check_title(errors, &self.title);
        check_content(errors, &self.content);
        check_images(errors, &self.images);
    }
}

impl Validate for PostPatch {
    fn validate(&self, errors: &mut FieldErrors) {
        if let Some(title) = &self.title {
            check_title(errors, title);
        }
        if let Some(content) = &self.content {
            check_content(errors, content);
        }
        if let Some(images) = &self.images {
            check_images(errors, images);
        }
        if self.title.is_none() && self.content.is_none() && self.images.is_none() {
            errors.add_whole("must have at least one of `title`, `content` and `images`");
        }
    }
}
