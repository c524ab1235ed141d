//! Statements on verification links.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter};
use shared::clock::Timestamp;

use crate::db::entities::verifications::{ActiveModel, Column, Entity, Model};

/// Stores the link of an account and so invalidates the one before.
pub(crate) async fn replace(db: &impl ConnectionTrait, link: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
        user_id: Set(link.user_id),
        email_key: Set(link.email_key),
        token_hash: Set(link.token_hash),
        expires_at: Set(link.expires_at),
        used_at: Set(link.used_at),
    };
    let others = [Column::EmailKey, Column::TokenHash, Column::ExpiresAt, Column::UsedAt];
    let conflict = OnConflict::column(Column::UserId).update_columns(others).to_owned();
    Entity::insert(row).on_conflict(conflict).exec_without_returning(db).await.map(|_| ())
}

/// Marks a valid link as used and returns it. Of several requests with the same link, exactly one gets it; the others
/// get `None`, as for a link that is unknown or expired.
pub(crate) async fn consume(
    db: &impl ConnectionTrait,
    token_hash: &str,
    now: Timestamp,
) -> Result<Option<Model>, DbErr> {
    let rows = Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(Some(now)))
        .filter(Column::TokenHash.eq(token_hash))
        .filter(Column::UsedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .exec_with_returning(db)
        .await?;
    Ok(rows.into_iter().next())
}

/// Returns true when this link was used before and no newer one has replaced it.
pub(crate) async fn was_used(db: &impl ConnectionTrait, token_hash: &str) -> Result<bool, DbErr> {
    let used = Entity::find().filter(Column::TokenHash.eq(token_hash)).filter(Column::UsedAt.is_not_null());
    Ok(used.one(db).await?.is_some())
}

/// Counts the links that are valid and not used yet.
pub(crate) async fn count_waiting(db: &impl ConnectionTrait, now: Timestamp) -> Result<u64, DbErr> {
    Entity::find().filter(Column::ExpiresAt.gt(now)).filter(Column::UsedAt.is_null()).count(db).await
}

/// Extends an unused link until a time. Returns false when it was used or replaced.
pub(crate) async fn renew(db: &impl ConnectionTrait, token_hash: &str, until: Timestamp) -> Result<bool, DbErr> {
    let renewed = Entity::update_many()
        .col_expr(Column::ExpiresAt, Expr::value(until))
        .filter(Column::TokenHash.eq(token_hash))
        .filter(Column::UsedAt.is_null())
        .exec(db)
        .await?;
    Ok(renewed.rows_affected == 1)
}

/// Deletes the links that expired before a time.
pub(crate) async fn delete_expired_before(db: &impl ConnectionTrait, time: Timestamp) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::ExpiresAt.lt(time)).exec(db).await.map(|_| ())
}
