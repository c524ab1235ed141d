//! The table `comments`, which this service owns.
//!
//! A row is never deleted. `deleted_at` is the time of the author's deletion, which is final and clears the content.
//! `removed_at` is the time of an admin's removal, which keeps the content so that the comment can be restored.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;
use shared::ids::{UserId, UserIds};

use crate::domain::ids::{CommentId, PostId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "comments")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: CommentId,
    /// The version of the published state, from 1. Each change adds one.
    pub version: i64,
    pub post_id: PostId,
    /// The author of the post, which never changes.
    pub post_author_id: UserId,
    pub author_id: UserId,
    /// The comment on the same post that this one answers; absent in a comment on the post itself.
    pub reply_to: Option<CommentId>,
    /// The depth in the thread: 1 in a comment on the post itself, at most `MAX_DEPTH`.
    pub depth: i64,
    /// The authors of the comments above this one, each once, from the top; absent in a comment on the post itself.
    pub answered: Option<UserIds>,
    /// Absent once the author has deleted the comment.
    pub content: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
    pub removed_at: Option<Timestamp>,
    /// The version of the last moderation decision that was applied; 0 when there was none.
    pub decision_version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
