//! Statements on sessions and their refresh tokens.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use shared::clock::Timestamp;

use crate::db::entities::refresh_tokens::{self, Model as RefreshToken};
use crate::db::entities::sessions::{ActiveModel, Column, Entity, Model};

/// Stores a new session.
pub(crate) async fn insert(db: &impl ConnectionTrait, user_id: i64, now: Timestamp) -> Result<Model, DbErr> {
    let row = ActiveModel { id: NotSet, user_id: Set(user_id), created_at: Set(now), revoked_at: Set(None) };
    Entity::insert(row).exec_with_returning(db).await
}

/// Finds a session by its id.
pub(crate) async fn find(db: &impl ConnectionTrait, id: i64) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(db).await
}

/// Ends a session, unless it has ended before.
pub(crate) async fn revoke(db: &impl ConnectionTrait, id: i64, now: Timestamp) -> Result<(), DbErr> {
    revoke_where(db, Column::Id.eq(id), now).await
}

/// Ends all sessions of a person.
pub(crate) async fn revoke_all_of(db: &impl ConnectionTrait, user_id: i64, now: Timestamp) -> Result<(), DbErr> {
    revoke_where(db, Column::UserId.eq(user_id), now).await
}

async fn revoke_where(db: &impl ConnectionTrait, condition: Expr, now: Timestamp) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::value(Some(now)))
        .filter(condition)
        // The first end counts: a later one must not move the time.
        .filter(Column::RevokedAt.is_null())
        .exec(db)
        .await
        .map(|_| ())
}

/// Stores the hash of a refresh token. `parent_id` is the token that it was issued for.
pub(crate) async fn insert_token(
    db: &impl ConnectionTrait,
    session: &Model,
    parent_id: Option<i64>,
    token_hash: String,
    now: Timestamp,
) -> Result<(), DbErr> {
    let row = refresh_tokens::ActiveModel {
        id: NotSet,
        session_id: Set(session.id),
        user_id: Set(session.user_id),
        parent_id: Set(parent_id),
        token_hash: Set(token_hash),
        issued_at: Set(now),
        used_at: Set(None),
    };
    refresh_tokens::Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// Finds a refresh token by its hash.
pub(crate) async fn find_token(db: &impl ConnectionTrait, token_hash: &str) -> Result<Option<RefreshToken>, DbErr> {
    refresh_tokens::Entity::find().filter(refresh_tokens::Column::TokenHash.eq(token_hash)).one(db).await
}

/// Marks a refresh token as used.
pub(crate) async fn mark_token_used(db: &impl ConnectionTrait, id: i64, now: Timestamp) -> Result<(), DbErr> {
    refresh_tokens::Entity::update_many()
        .col_expr(refresh_tokens::Column::UsedAt, Expr::value(Some(now)))
        .filter(refresh_tokens::Column::Id.eq(id))
        .exec(db)
        .await
        .map(|_| ())
}

/// Deletes the sessions and refresh tokens from before a time.
pub(crate) async fn delete_older_than(db: &impl ConnectionTrait, time: Timestamp) -> Result<(), DbErr> {
    let tokens = refresh_tokens::Entity::delete_many().filter(refresh_tokens::Column::IssuedAt.lt(time));
    tokens.exec(db).await?;
    Entity::delete_many().filter(Column::CreatedAt.lt(time)).exec(db).await.map(|_| ())
}
