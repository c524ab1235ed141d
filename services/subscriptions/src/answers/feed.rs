//! The response of `GET /feed`.

use serde::Serialize;
use shared::cache::Json;
use utoipa::ToSchema;

use super::post::PostOut;

/// A page of the feed.
#[derive(Serialize, ToSchema)]
pub(crate) struct Feed {
    #[schema(example = "Your feed")]
    message: &'static str,
    #[schema(value_type = Vec<PostOut>)]
    posts: Vec<Json>,
    /// Cursor of the next page.
    next: Option<String>,
}

impl Feed {
    /// Builds a page from rendered posts and the cursor of the next page, which is `None` on the last page.
    pub(crate) fn of(posts: Vec<Json>, next: Option<String>) -> Self {
        Self { message: "Your feed", posts, next }
    }

    /// Builds the feed of somebody who follows nobody.
    pub(crate) fn without_subscriptions() -> Self {
        Self { message: "No subscriptions yet", posts: Vec::new(), next: None }
    }
}
