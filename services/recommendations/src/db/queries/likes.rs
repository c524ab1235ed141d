//! The query of a person's own likes, for an export.

use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::db::Reads;
use shared::ids::UserId;

use crate::db::entities::likes::{Column, Entity, Model};

/// Reads likes of a person in the order of the posts' ids, beginning after an id.
pub(crate) async fn page_of(db: &Reads, user: UserId, after: i64, limit: u64) -> Result<Vec<Model>, DbErr> {
    let own = Entity::find().filter(Column::UserId.eq(user)).filter(Column::Deleted.eq(false));
    own.filter(Column::PostId.gt(after)).order_by_asc(Column::PostId).limit(limit).all(db).await
}
