//! Statements on reserved usernames.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter};
use shared::clock::Timestamp;

use crate::db::entities::reservation::{ActiveModel, Column, Entity, Model};
use crate::domain::Username;

/// The reservation of a username, if there is one.
pub(crate) async fn find(db: &impl ConnectionTrait, username: &str) -> Result<Option<Model>, DbErr> {
    let Ok(username) = Username::sought(username) else { return Ok(None) };
    Entity::find_by_id(username.key()).one(db).await
}

/// How many usernames were reserved since then.
pub(crate) async fn count_since(db: &impl ConnectionTrait, time: Timestamp) -> Result<u64, DbErr> {
    Entity::find().filter(Column::CreatedAt.gt(time)).count(db).await
}

/// Reserves a username. False: it is reserved already.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    username_key: String,
    password_hash: String,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let row = ActiveModel { username_key: Set(username_key), password_hash: Set(password_hash), created_at: Set(now) };
    let keep = OnConflict::column(Column::UsernameKey).do_nothing().to_owned();
    Ok(Entity::insert(row).on_conflict(keep).exec_without_returning(db).await? == 1)
}
