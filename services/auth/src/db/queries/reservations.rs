//! Statements on reserved usernames.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter};
use shared::clock::Timestamp;

use crate::db::entities::reservations::{ActiveModel, Column, Entity, Model};
use crate::domain::Username;
use crate::domain::link::VERIFY_WITHIN;

/// Finds the reservation of a username, unless its time is over. A text that cannot be a username finds nothing.
pub(crate) async fn find(db: &impl ConnectionTrait, username: &str, now: Timestamp) -> Result<Option<Model>, DbErr> {
    let Ok(username) = Username::parse_lookup(username) else { return Ok(None) };
    Entity::find_by_id(username.key()).filter(Column::CreatedAt.gt(now - VERIFY_WITHIN)).one(db).await
}

/// Counts the reservations whose time is not over.
pub(crate) async fn count(db: &impl ConnectionTrait, now: Timestamp) -> Result<u64, DbErr> {
    Entity::find().filter(Column::CreatedAt.gt(now - VERIFY_WITHIN)).count(db).await
}

/// Reserves a username, for as long as an account may wait for its verification. Returns false when it is reserved
/// already.
pub(crate) async fn insert_if_free(
    db: &impl ConnectionTrait,
    username_key: String,
    password_hash: String,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let row = ActiveModel { username_key: Set(username_key), password_hash: Set(password_hash), created_at: Set(now) };
    let replace_expired = OnConflict::column(Column::UsernameKey)
        .update_columns([Column::PasswordHash, Column::CreatedAt])
        .action_and_where(Expr::col((Entity, Column::CreatedAt)).lte(now - VERIFY_WITHIN))
        .to_owned();
    Ok(Entity::insert(row).on_conflict(replace_expired).exec_without_returning(db).await? == 1)
}

/// Deletes the reservations whose time is over.
pub(crate) async fn delete_expired(db: &impl ConnectionTrait, now: Timestamp) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::CreatedAt.lte(now - VERIFY_WITHIN)).exec(db).await.map(|_| ())
}
