//! Posts, for answers.

use std::collections::HashMap;

use sea_orm::entity::prelude::*;
use sea_orm::{DatabaseConnection, FromQueryResult, JoinType, QuerySelect, RelationDef};
use shared::clock::Timestamp;
use shared::ids::UserId;

use super::padded;
use crate::db::entities::{counts, posts, users};
use crate::domain::PostId;

/// A post that can be shown, with its author's name and its counters as far as they are known.
#[derive(Debug, FromQueryResult)]
pub(crate) struct PostRow {
    pub(crate) id: PostId,
    pub(crate) title: String,
    pub(crate) content: String,
    pub(crate) image_url: Option<String>,
    pub(crate) author_id: UserId,
    pub(crate) username: String,
    pub(crate) like_count: Option<i64>,
    pub(crate) comment_count: Option<i64>,
    pub(crate) view_count: Option<i64>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// The visible ones of these posts: not deleted, and by a known author who is neither blocked nor erased.
pub(crate) async fn find_visible(db: &DatabaseConnection, ids: &[PostId]) -> Result<HashMap<PostId, PostRow>, DbErr> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let author: RelationDef =
        posts::Entity::belongs_to(users::Entity).from(posts::Column::AuthorId).to(users::Column::Id).into();
    let counts: RelationDef =
        posts::Entity::belongs_to(counts::Entity).from(posts::Column::Id).to(counts::Column::Id).into();
    let rows = posts::Entity::find()
        .join(JoinType::InnerJoin, author)
        .join(JoinType::LeftJoin, counts)
        .column(users::Column::Username)
        .column(counts::Column::LikeCount)
        .column(counts::Column::CommentCount)
        .column(counts::Column::ViewCount)
        .filter(posts::Column::Id.is_in(padded(ids)))
        .filter(posts::Column::Deleted.eq(false))
        .filter(users::Column::Deleted.eq(false))
        .filter(users::Column::Blocked.eq(false))
        .filter(users::Column::Username.is_not_null())
        .into_model::<PostRow>()
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}
