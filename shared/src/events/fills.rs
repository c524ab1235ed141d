//! Fills: which copies have asked their owner for everything, noted in the copies' own database.
//!
//! The note and the request are one transaction. So a first start that was cut off, a database that was dropped, a file
//! that was deleted and a schema that had to be made again all ask at the next start, once, and the request survives.

use std::sync::Arc;

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, TryInsertResult};
use sea_orm_migration::prelude::{DeriveMigrationName, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::{text, timestamp_with_time_zone};

use super::broker::Broker;
use super::consumer::{AnyConsumer, ApplyError};
use super::resync::{self, Request};
use super::topology;
use crate::clock::Timestamp;
use crate::db::{Db, Tx};

/// A copy whose owner was asked for everything.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "copy_fills")]
pub struct Model {
    /// The stream.
    #[sea_orm(primary_key, auto_increment = false)]
    pub stream: String,
    /// When the request was written.
    pub asked_at: Timestamp,
}

/// The table stands alone.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Asks the owners for everything, for each copy that has never asked, and for each that has but holds no row. An owner
/// that the broker cannot reach at all is not asked.
///
/// # Errors
/// When the database is not there; what was asked by then stays asked.
pub async fn ask(db: &Db, broker: &dyn Broker, consumers: &[Arc<dyn AnyConsumer>]) -> Result<(), ApplyError> {
    for consumer in consumers {
        let stream = consumer.stream();
        if topology::owner(stream).is_none_or(|owner| !broker.reaches(owner)) {
            continue;
        }
        let mut tx = db.begin_consuming().await?;
        let row = ActiveModel { stream: Set(stream.to_owned()), asked_at: Set(db.clock().now()) };
        let insert = Entity::insert(row).on_conflict_do_nothing_on([Column::Stream]);
        let inserted = insert.exec_without_returning(&*tx).await?;
        let first = matches!(inserted, TryInsertResult::Inserted(rows) if rows > 0);
        if first || is_empty(db, consumer.as_ref()).await? {
            ask_for_all(&mut tx, stream)?;
            tx.commit().await?;
            tracing::info!(service = db.outbox().service(), stream, "The owner is asked to send the whole copy.");
        } else {
            tx.rollback().await?;
        }
    }
    Ok(())
}

/// Answers whether a copy has no row at all.
pub(super) async fn is_empty(db: &Db, consumer: &dyn AnyConsumer) -> Result<bool, DbErr> {
    Ok(consumer.page(db.read(), None, 1).await?.is_empty())
}

/// Writes a request for everything to the owner of a stream.
pub(super) fn ask_for_all(tx: &mut Tx, stream: &'static str) -> Result<(), ApplyError> {
    let queue = topology::queue(tx.outbox().service(), stream);
    let owner = topology::owner(stream).ok_or_else(|| ApplyError::Permanent(format!("nobody owns {stream}")))?;
    resync::write_request(tx, owner, &Request::Resend { stream: stream.to_owned(), queue, ids: None })
}

/// Creates the table.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(text(Column::Stream).primary_key())
            .col(timestamp_with_time_zone(Column::AskedAt))
            .to_owned();
        manager.create_table(table).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
