//! Answers about likes.

use serde::Serialize;
use utoipa::ToSchema;

use super::author::Author;
use crate::domain::ids::PostId;

/// A page of people.
#[derive(Serialize, ToSchema)]
pub(crate) struct LikeList {
    pub(crate) likes: Vec<Author>,
    /// Cursor of the next page.
    pub(crate) next: Option<String>,
}

/// Those of the posts that I like.
#[derive(Serialize, ToSchema)]
pub(crate) struct Liked {
    pub(crate) post_ids: Vec<PostId>,
}
