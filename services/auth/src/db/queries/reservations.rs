//! Statements on reserved usernames.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter};
use shared::clock::Timestamp;

use crate::db::entities::reservations::{ActiveModel, Column, Entity, Model};
use crate::domain::Username;

/// Finds the reservation of a username. A text that cannot be a username finds nothing.
pub(crate) async fn find(db: &impl ConnectionTrait, username: &str) -> Result<Option<Model>, DbErr> {
    let Ok(username) = Username::parse_lookup(username) else { return Ok(None) };
    Entity::find_by_id(username.key()).one(db).await
}

/// Counts the usernames that were reserved after a time.
pub(crate) async fn count_since(db: &impl ConnectionTrait, time: Timestamp) -> Result<u64, DbErr> {
    Entity::find().filter(Column::CreatedAt.gt(time)).count(db).await
}

/// Reserves a username. Returns false when it is reserved already.
pub(crate) async fn insert_if_free(
    db: &impl ConnectionTrait,
    username_key: String,
    password_hash: String,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let row = ActiveModel { username_key: Set(username_key), password_hash: Set(password_hash), created_at: Set(now) };
    let keep = OnConflict::column(Column::UsernameKey).do_nothing().to_owned();
    Ok(Entity::insert(row).on_conflict(keep).exec_without_returning(db).await? == 1)
}
