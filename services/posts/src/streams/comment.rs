//! The stream `comment`: the content of comments.

use async_trait::async_trait;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::db::Reads;
use shared::events::{Key, Source, State};
use shared::ids::{UserId, UserIds};

use crate::db::entities::comments::{Column, Entity, Model};
use crate::domain::ids::{CommentId, PostId};

/// The public state of a comment. The tombstone of a comment that its author deleted has its key, its version and
/// `removed`, and no content. That of a comment that an admin removed keeps the content for admins, who judge it; other
/// services drop it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CommentState {
    id: CommentId,
    version: i64,
    deleted: bool,
    /// Present in a tombstone only: true when an admin removed the comment and may restore it, false when its author
    /// deleted it for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    removed: Option<bool>,
    post_id: Option<PostId>,
    post_author_id: Option<UserId>,
    author_id: Option<UserId>,
    /// The comment that is answered; absent in a comment on the post itself, as is `answered`.
    reply_to: Option<CommentId>,
    /// The authors of the comments above this one, each once.
    answered: Option<UserIds>,
    content: Option<String>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
}

impl State for CommentState {
    const STREAM: &'static str = "comment";

    fn key(&self) -> Key {
        self.id.0.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for CommentState {
    fn from(row: Model) -> Self {
        let is_gone = row.deleted_at.is_some();
        let deleted = is_gone || row.removed_at.is_some();
        Self {
            id: row.id,
            version: row.version,
            deleted,
            removed: deleted.then_some(!is_gone),
            post_id: (!is_gone).then_some(row.post_id),
            post_author_id: (!is_gone).then_some(row.post_author_id),
            author_id: (!is_gone).then_some(row.author_id),
            reply_to: row.reply_to.filter(|_| !is_gone),
            answered: row.answered.filter(|_| !is_gone),
            content: row.content.filter(|_| !is_gone),
            created_at: (!is_gone).then_some(row.created_at),
            updated_at: (!is_gone).then_some(row.updated_at),
        }
    }
}

/// Reads the states of comments for the services that keep copies.
pub(crate) struct CommentSource;

#[async_trait]
impl Source for CommentSource {
    type State = CommentState;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<CommentState>, DbErr> {
        let rows =
            Entity::find().filter(Column::Id.gt(after.map_or(0, Key::first))).order_by_asc(Column::Id).limit(limit);
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<CommentState>, DbErr> {
        let rows = Entity::find().filter(Column::Id.is_in(keys.iter().map(Key::first)));
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }
}
