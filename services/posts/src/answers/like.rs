//! Answers about likes.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::people::Author;
use utoipa::ToSchema;

use super::post::PostOut;
use crate::domain::ids::PostId;

/// A page of people.
#[derive(Serialize, ToSchema)]
pub(crate) struct LikeList {
    pub(crate) likes: Vec<Author>,
    /// Cursor of the next page.
    pub(crate) next: Option<String>,
}

/// A like of mine.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnLike {
    pub(crate) post_id: PostId,
    /// The time of my first like of the post.
    pub(crate) created_at: Timestamp,
    /// The post; null while nobody sees it.
    pub(crate) post: Option<PostOut>,
}

/// A page of my likes.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnLikeList {
    pub(crate) likes: Vec<OwnLike>,
    /// Cursor of the next page.
    pub(crate) next: Option<String>,
}

/// Those of the posts that I like.
#[derive(Serialize, ToSchema)]
pub(crate) struct Liked {
    pub(crate) post_ids: Vec<PostId>,
}
