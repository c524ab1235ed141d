//! The bodies of requests that write a post, and their rules.

use serde::Deserialize;
use shared::error::FieldErrors;
use shared::http::Validate;
use shared::text::{self, Lines};
use utoipa::ToSchema;

/// A new post.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostIn {
    #[schema(min_length = 1, max_length = 200)]
    pub(super) title: String,
    #[schema(value_type = String, min_length = 1, max_length = 10000)]
    pub(super) content: Lines,
}

/// A new post with a picture, as a form.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only describes the form")]
pub(crate) struct PostForm {
    #[schema(min_length = 1, max_length = 200)]
    title: String,
    #[schema(min_length = 1, max_length = 10000)]
    content: String,
    #[schema(value_type = Option<String>, format = Binary)]
    image: Option<Vec<u8>>,
}

/// Changes to a post; at least one field.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PostPatch {
    #[schema(min_length = 1, max_length = 200)]
    pub(super) title: Option<String>,
    #[schema(value_type = Option<String>, min_length = 1, max_length = 10000)]
    pub(super) content: Option<Lines>,
}

fn check_title(errors: &mut FieldErrors, title: &str) {
    text::check_line(errors, "title", title, 1, 200);
}

fn check_content(errors: &mut FieldErrors, content: &Lines) {
    text::check_lines(errors, "content", content, 1, 10_000);
}

impl Validate for PostIn {
    fn validate(&self, errors: &mut FieldErrors) {
        check_title(errors, &self.title);
        check_content(errors, &self.content);
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
        if self.title.is_none() && self.content.is_none() {
            errors.add_whole("must have at least one of `title` and `content`");
        }
    }
}
