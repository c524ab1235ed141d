//! Statements on signing keys.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};
use shared::clock::Timestamp;

use crate::db::entities::signing_keys::{ActiveModel, Column, Entity, Model};

/// Stores the request for a new key.
pub(crate) async fn request(db: &impl ConnectionTrait, at_once: bool, now: Timestamp) -> Result<Model, DbErr> {
    let row = ActiveModel {
        id: NotSet,
        requested_at: Set(now),
        at_once: Set(at_once),
        kid: Set(None),
        sealed: Set(None),
        used_from: Set(None),
    };
    Entity::insert(row).exec_with_returning(db).await
}

/// Lists all keys, including the ones that are only requested, oldest first.
pub(crate) async fn list(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().order_by_asc(Column::Id).all(db).await
}

/// Stores the key that was made for a request. Returns false when another replica was faster.
pub(crate) async fn fulfil(
    db: &impl ConnectionTrait,
    id: i64,
    kid: String,
    sealed: Vec<u8>,
    used_from: Timestamp,
) -> Result<bool, DbErr> {
    let made = Entity::update_many()
        .col_expr(Column::Kid, Expr::value(Some(kid)))
        .col_expr(Column::Sealed, Expr::value(Some(sealed)))
        .col_expr(Column::UsedFrom, Expr::value(Some(used_from)))
        .filter(Column::Id.eq(id))
        .filter(Column::Sealed.is_null())
        .exec(db)
        .await?;
    Ok(made.rows_affected == 1)
}
