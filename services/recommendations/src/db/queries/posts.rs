//! Posts, for answers.

use sea_orm::entity::prelude::*;
use sea_orm::{DatabaseConnection, FromQueryResult, JoinType, QuerySelect, RelationDef};
use shared::clock::Timestamp;
use shared::db::padded;
use shared::ids::UserId;

use crate::db::entities::{counts, posts, users};
use crate::domain::PostId;

/// A post that can be shown, with its author's name.
#[derive(Debug, FromQueryResult)]
pub(crate) struct PostRow {
    pub(crate) id: PostId,
    pub(crate) title: String,
    pub(crate) content: String,
    pub(crate) image_url: Option<String>,
    pub(crate) author_id: UserId,
    pub(crate) username: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// The visible ones of these posts, not deleted and by a known author who is neither blocked nor erased, and their counters
/// as far as they are known.
pub(crate) async fn find_visible(
    db: &DatabaseConnection,
    ids: impl IntoIterator<Item = PostId>,
) -> Result<Vec<(PostRow, Option<counts::Model>)>, DbErr> {
    let author: RelationDef =
        posts::Entity::belongs_to(users::Entity).from(posts::Column::AuthorId).to(users::Column::Id).into();
    let rows = posts::Entity::find()
        .join(JoinType::InnerJoin, author)
        .column(users::Column::Username)
        .filter(posts::Column::Id.is_in(padded(ids)))
        .filter(posts::Column::Deleted.eq(false))
        .filter(users::Column::Deleted.eq(false))
        .filter(users::Column::Blocked.eq(false))
        .filter(users::Column::Username.is_not_null())
        .into_model::<PostRow>()
        .all(db)
        .await?;
    let ids = padded(rows.iter().map(|row| row.id));
    let mut counts = counts::Entity::find().filter(counts::Column::Id.is_in(ids)).all(db).await?;
    let found = rows.into_iter().map(|row| {
        let counted = counts.iter().position(|counts| counts.id == row.id).map(|at| counts.swap_remove(at));
        (row, counted)
    });
    Ok(found.collect())
}
