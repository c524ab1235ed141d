//! Answers with comments.

use serde::Serialize;
use shared::clock::Timestamp;
use utoipa::ToSchema;

use super::author::Author;
use crate::db::entities::comments::Model;
use crate::domain::ids::{CommentId, PostId};

/// A comment.
#[derive(Serialize, ToSchema)]
pub(crate) struct CommentOut {
    id: CommentId,
    post_id: PostId,
    content: String,
    author: Author,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl CommentOut {
    /// Builds the answer from a comment and its author's username.
    pub(crate) fn of(row: Model, username: String) -> Self {
        Self {
            id: row.id,
            post_id: row.post_id,
            content: row.content.unwrap_or_default(),
            author: Author { id: row.author_id, username },
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A comment that was written or changed.
#[derive(Serialize, ToSchema)]
pub(crate) struct CommentSaved {
    pub(crate) message: &'static str,
    pub(crate) comment: CommentOut,
}

/// A page of comments.
#[derive(Serialize, ToSchema)]
pub(crate) struct CommentList {
    pub(crate) comments: Vec<CommentOut>,
    /// Cursor of the next page.
    pub(crate) next: Option<String>,
}
