//! Statements on the receipts of erasures and the confirmations in them.

use sea_orm::ActiveValue::Set;
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::db::upsert_newer;
use shared::ids::UserId;

use crate::db::entities::confirmations::{self, Model as Confirmation};
use crate::db::entities::receipts::{ActiveModel, Column, Entity, Model};

/// Stores the receipt of an erasure.
pub(crate) async fn insert(db: &impl ConnectionTrait, receipt: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
        user_id: Set(receipt.user_id),
        token_hash: Set(receipt.token_hash),
        erased_at: Set(receipt.erased_at),
        counts: Set(receipt.counts),
    };
    Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// Finds a receipt by the hash of its token, with the confirmations that have arrived, by service.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    token_hash: &str,
) -> Result<Option<(Model, Vec<Confirmation>)>, DbErr> {
    let Some(receipt) = Entity::find().filter(Column::TokenHash.eq(token_hash)).one(db).await? else {
        return Ok(None);
    };
    let confirmed = confirmations::Entity::find().filter(confirmations::Column::UserId.eq(receipt.user_id));
    Ok(Some((receipt, confirmed.order_by_asc(confirmations::Column::Service).all(db).await?)))
}

/// Stores the confirmations of a service that are newer than the stored ones.
pub(crate) async fn upsert_confirmations(db: &impl ConnectionTrait, rows: Vec<Confirmation>) -> Result<(), DbErr> {
    let rows = rows.into_iter().map(|row| confirmations::ActiveModel {
        service: Set(row.service),
        user_id: Set(row.user_id),
        version: Set(row.version),
        complete: Set(row.complete),
        counts: Set(row.counts),
        confirmed_at: Set(row.confirmed_at),
    });
    upsert_newer(db, rows.collect(), confirmations::Column::Version).await
}

/// Reads the confirmations of a service in the order of their people, beginning after an id.
pub(crate) async fn page_confirmations(
    db: &impl ConnectionTrait,
    service: &str,
    after: i64,
    limit: u64,
) -> Result<Vec<Confirmation>, DbErr> {
    let rows = confirmations::Entity::find()
        .filter(confirmations::Column::Service.eq(service))
        .filter(confirmations::Column::UserId.gt(after));
    rows.order_by_asc(confirmations::Column::UserId).limit(limit).all(db).await
}

/// Deletes a confirmation if it still has this version.
pub(crate) async fn delete_confirmation(
    db: &impl ConnectionTrait,
    service: &str,
    user: UserId,
    version: i64,
) -> Result<(), DbErr> {
    confirmations::Entity::delete_many()
        .filter(confirmations::Column::Service.eq(service))
        .filter(confirmations::Column::UserId.eq(user))
        .filter(confirmations::Column::Version.eq(version))
        .exec(db)
        .await
        .map(|_| ())
}
