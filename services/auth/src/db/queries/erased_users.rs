//! Statements on what is left of erased accounts.

use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::clock::Timestamp;
use shared::db::pad_to_power_of_two;

use crate::db::entities::erased_users::{ActiveModel, Column, Entity, Model};
use crate::db::entities::users::Model as User;

/// Stores that an account was erased. `version` is the version of its tombstone.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    user: &User,
    version: i64,
    now: Timestamp,
) -> Result<Model, DbErr> {
    let row = ActiveModel {
        id: Set(user.id),
        version: Set(version),
        erased_at: Set(now),
        session_version: Set(if user.is_member() { user.session_version + 1 } else { 0 }),
    };
    Entity::insert(row).exec_with_returning(db).await
}

/// Reads erased accounts in the order of their ids, beginning after an id.
pub(crate) async fn page(db: &impl ConnectionTrait, after: i64, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Id.gt(after)).order_by_asc(Column::Id).limit(limit).all(db).await
}

/// Returns whether an account was erased at this time or later.
pub(crate) async fn has_any_since(db: &impl ConnectionTrait, time: Timestamp) -> Result<bool, DbErr> {
    Ok(Entity::find().filter(Column::ErasedAt.gte(time)).one(db).await?.is_some())
}

/// Finds the erased accounts with these ids, in the order of their ids.
pub(crate) async fn find_many(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Id.is_in(pad_to_power_of_two(ids))).order_by_asc(Column::Id).all(db).await
}
