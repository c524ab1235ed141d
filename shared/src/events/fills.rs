//! Fills: the record of which copies have asked their owner for the whole stream, in the copies' own database (ADR 14).
//!
//! The record and the request are stored by one transaction. Therefore a first start that was cut off, a database that
//! was dropped, a file that was deleted and a schema that had to be created again all lead to a request at the next
//! start, and that request cannot be lost.

use std::sync::Arc;

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, TryInsertResult};
use sea_orm_migration::prelude::{MigrationName, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::{text, timestamp_with_time_zone};

use super::any_consumer::AnyConsumer;
use super::apply_error::ApplyError;
use super::broker::Broker;
use super::request::{Request, write_request};
use super::topology;
use crate::clock::Timestamp;
use crate::work::{Db, Tx};

/// A copy whose owner was asked for the whole stream.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "copy_fills")]
pub struct Model {
    /// The name of the stream.
    #[sea_orm(primary_key, auto_increment = false)]
    pub stream: String,
    /// The time at which the request was stored.
    pub asked_at: Timestamp,
}

/// The table has no relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Asks the owners for the whole stream on behalf of each copy that has never asked, and of each copy that has asked
/// but holds no row. An owner that this broker cannot reach at all is not asked.
///
/// # Errors
/// When the database cannot be used. Requests that were stored before stay stored.
pub async fn request_missing_copies(
    db: &Db,
    broker: &dyn Broker,
    consumers: &[Arc<dyn AnyConsumer>],
) -> Result<(), ApplyError> {
    for consumer in consumers {
        let stream = consumer.stream();
        // The in-process broker would confirm and drop a request to a service that does not run, and the record would
        // say that it was sent.
        if topology::owner(stream).is_none_or(|owner| !broker.can_reach(owner)) {
            continue;
        }
        let mut tx = db.begin_consuming().await?;
        let row = ActiveModel { stream: Set(stream.to_owned()), asked_at: Set(db.clock().now()) };
        // The insert also decides which of the replicas that start together is the first; on Postgres the others wait
        // for it here.
        let insert = Entity::insert(row).on_conflict_do_nothing_on([Column::Stream]);
        let inserted = insert.exec_without_returning(&*tx).await?;
        let is_first = matches!(inserted, TryInsertResult::Inserted(rows) if rows > 0);
        if is_first || is_empty(db, consumer.as_ref()).await? {
            request_whole_stream(&mut tx, stream)?;
            tx.commit().await?;
            tracing::info!(service = db.outbox().service(), stream, "The owner is asked to send the whole copy.");
        } else {
            tx.rollback().await?;
        }
    }
    Ok(())
}

/// Returns whether a copy has no row at all.
pub(super) async fn is_empty(db: &Db, consumer: &dyn AnyConsumer) -> Result<bool, DbErr> {
    Ok(consumer.page(db.read(), None, 1).await?.is_empty())
}

/// Writes a request to the owner of a stream to send the whole stream, as a part of the transaction.
pub(super) fn request_whole_stream(tx: &mut Tx, stream: &'static str) -> Result<(), ApplyError> {
    let queue = topology::queue(tx.service(), stream);
    let owner = topology::owner(stream).ok_or_else(|| ApplyError::Permanent(format!("nobody owns {stream}")))?;
    write_request(tx, owner, &Request::Resend { stream: stream.to_owned(), queue, ids: None })
}

/// Creates the table `copy_fills`.
pub struct Migration;

impl MigrationName for Migration {
    /// The name in the table of applied migrations. It is written out, because a derived name would change with the
    /// name of the file.
    fn name(&self) -> &'static str {
        "fills"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("copy_fills")
            .col(text("stream").primary_key())
            .col(timestamp_with_time_zone("asked_at"))
            .to_owned();
        manager.create_table(table).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
