//! Answers with comments.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::people::Author;
use shared::text::mentions::{Entity, find_entities};
use utoipa::ToSchema;

use crate::db::entities::comments::Model;
use crate::domain::ids::{CommentId, PostId};

/// A comment.
#[derive(Serialize, ToSchema)]
pub(crate) struct CommentOut {
    id: CommentId,
    post_id: PostId,
    /// The comment that this one answers; null in a comment on the post itself.
    reply_to: Option<CommentId>,
    /// The depth in the thread: 1 in a comment on the post itself.
    #[schema(minimum = 1, maximum = 8)]
    depth: i64,
    /// Null, as is the author, in a comment that is gone: deleted, removed, or by somebody who is blocked. It is listed
    /// only if it was answered, to keep its place.
    content: Option<String>,
    author: Option<Author>,
    /// The mentions and hashtags in the content.
    entities: Vec<Entity>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl CommentOut {
    /// Builds the answer from a comment and its author's username. Without a username, the comment is shown as gone.
    pub(crate) fn of(row: Model, username: Option<String>) -> Self {
        let author = username.map(|username| Author::new(row.author_id, username));
        let content = row.content.filter(|_| author.is_some());
        Self {
            id: row.id,
            post_id: row.post_id,
            reply_to: row.reply_to,
            depth: row.depth,
            entities: content.as_deref().map(find_entities).unwrap_or_default(),
            content,
            author,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A comment of the reader.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnCommentOut {
    #[serde(flatten)]
    comment: CommentOut,
    /// True when an admin has removed it, so that nobody else sees it.
    removed: bool,
}

impl OwnCommentOut {
    /// Builds the answer from a comment and its author's username.
    pub(crate) fn of(row: Model, username: String) -> Self {
        let removed = row.removed_at.is_some();
        Self { comment: CommentOut::of(row, Some(username)), removed }
    }
}

/// A page of the reader's comments.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnCommentList {
    pub(crate) comments: Vec<OwnCommentOut>,
    /// Cursor of the next page.
    pub(crate) next: Option<String>,
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
