//! Statements on sessions and refresh tokens.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use shared::clock::Timestamp;

use crate::db::entities::{refresh_token, session};

/// Opens a session.
pub(crate) async fn insert(db: &impl ConnectionTrait, user_id: i64, now: Timestamp) -> Result<session::Model, DbErr> {
    let row = session::ActiveModel { id: NotSet, user_id: Set(user_id), created_at: Set(now), revoked_at: Set(None) };
    session::Entity::insert(row).exec_with_returning(db).await
}

/// A session.
pub(crate) async fn find(db: &impl ConnectionTrait, id: i64) -> Result<Option<session::Model>, DbErr> {
    session::Entity::find_by_id(id).one(db).await
}

/// Ends a session.
pub(crate) async fn revoke(db: &impl ConnectionTrait, id: i64, now: Timestamp) -> Result<(), DbErr> {
    revoke_where(db, session::Column::Id.eq(id), now).await
}

/// Ends all sessions of a person.
pub(crate) async fn revoke_all(db: &impl ConnectionTrait, user_id: i64, now: Timestamp) -> Result<(), DbErr> {
    revoke_where(db, session::Column::UserId.eq(user_id), now).await
}

async fn revoke_where(db: &impl ConnectionTrait, which: Expr, now: Timestamp) -> Result<(), DbErr> {
    session::Entity::update_many()
        .col_expr(session::Column::RevokedAt, Expr::value(Some(now)))
        .filter(which)
        .filter(session::Column::RevokedAt.is_null())
        .exec(db)
        .await
        .map(|_| ())
}

/// Stores a refresh token.
pub(crate) async fn insert_token(
    db: &impl ConnectionTrait,
    session: &session::Model,
    parent_id: Option<i64>,
    token_hash: String,
    now: Timestamp,
) -> Result<(), DbErr> {
    let row = refresh_token::ActiveModel {
        id: NotSet,
        session_id: Set(session.id),
        user_id: Set(session.user_id),
        parent_id: Set(parent_id),
        token_hash: Set(token_hash),
        issued_at: Set(now),
        used_at: Set(None),
    };
    refresh_token::Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// A refresh token.
pub(crate) async fn find_token(
    db: &impl ConnectionTrait,
    token_hash: &str,
) -> Result<Option<refresh_token::Model>, DbErr> {
    refresh_token::Entity::find().filter(refresh_token::Column::TokenHash.eq(token_hash)).one(db).await
}

/// Marks a refresh token as used.
pub(crate) async fn use_token(db: &impl ConnectionTrait, id: i64, now: Timestamp) -> Result<(), DbErr> {
    refresh_token::Entity::update_many()
        .col_expr(refresh_token::Column::UsedAt, Expr::value(Some(now)))
        .filter(refresh_token::Column::Id.eq(id))
        .exec(db)
        .await
        .map(|_| ())
}

/// Deletes sessions and tokens that are too old to be honoured.
pub(crate) async fn delete_older(db: &impl ConnectionTrait, time: Timestamp) -> Result<(), DbErr> {
    refresh_token::Entity::delete_many().filter(refresh_token::Column::IssuedAt.lt(time)).exec(db).await?;
    session::Entity::delete_many().filter(session::Column::CreatedAt.lt(time)).exec(db).await.map(|_| ())
}
