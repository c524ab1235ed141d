//! The dead letters of the in-process broker: rows in the consumer's own database, table `dead_letters`. RabbitMQ keeps
//! dead letters in queues instead.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm_migration::prelude::{ColumnDef, MigrationName, MigrationTrait, SchemaManager, Table};
use uuid::Uuid;

use super::broker::{DeadLetter, DeadLetterAction};
use crate::clock::Timestamp;
use crate::db::CommitError;
use crate::outbox::PublishError;
use crate::work::{Db, send_message};

/// A parked message: one that could not be applied.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "dead_letters")]
pub struct Model {
    /// The id by which the operator's commands name the dead letter.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The name of the queue that the message was consumed from.
    pub queue: String,
    /// The reason why the message could not be applied.
    pub reason: String,
    /// The message, byte for byte.
    pub payload: Vec<u8>,
    /// The time at which the message was parked.
    pub created_at: Timestamp,
}

/// The table has no relations.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The reasons why dead letters could not be parked, redriven or dropped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A statement failed, or the database is not there.
    #[error(transparent)]
    Db(#[from] DbErr),
    /// The commit failed, or its outcome is unknown.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The outbox did not accept the message.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Stores a message of `queue` as a dead letter.
///
/// # Errors
/// When it is not certain that the dead letter is stored.
pub async fn park(db: &Db, queue: &str, payload: &[u8], reason: &str) -> Result<(), Error> {
    // A consumer's transaction, which may use the disk's reserve (ADR 13): the queue stands still until the dead letter
    // is stored.
    let tx = db.begin_consuming().await?;
    let row = ActiveModel {
        id: NotSet,
        queue: Set(queue.to_owned()),
        reason: Set(reason.to_owned()),
        payload: Set(payload.to_owned()),
        created_at: Set(db.clock().now()),
    };
    Entity::insert(row).exec_without_returning(&*tx).await?;
    Ok(tx.commit().await?)
}

/// Lists the dead letters of a queue, oldest first, at most 1 000.
///
/// # Errors
/// When the database cannot be read.
pub async fn list(db: &Db, queue: &str) -> Result<Vec<DeadLetter>, DbErr> {
    let rows = Entity::find().filter(Column::Queue.eq(queue)).order_by_asc(Column::Id).paginate(db.read(), 1_000);
    Ok(rows.fetch_page(0).await?.into_iter().map(DeadLetter::from).collect())
}

impl From<Model> for DeadLetter {
    fn from(row: Model) -> Self {
        Self {
            id: row.id.to_string(),
            queue: row.queue,
            reason: row.reason,
            payload: String::from_utf8_lossy(&row.payload).into_owned(),
        }
    }
}

/// Counts the dead letters of a queue.
///
/// # Errors
/// When the database cannot be read.
pub async fn count(db: &Db, queue: &str) -> Result<u64, DbErr> {
    Entity::find().filter(Column::Queue.eq(queue)).count(db.read()).await
}

/// Redrives or drops, as `action` says, the dead letters of a queue that have one of the `ids`; `None` stands for all.
/// Returns their number. Redriving goes through the outbox, so the message is delivered at least once; that is safe,
/// because applying is idempotent.
///
/// # Errors
/// [`Error`]; nothing was changed, unless the outcome of the commit is unknown.
pub async fn settle(db: &Db, queue: &str, ids: Option<&[String]>, action: DeadLetterAction) -> Result<u64, Error> {
    let mut tx = db.begin().await?;
    let mut query = Entity::find().filter(Column::Queue.eq(queue));
    if let Some(ids) = ids {
        // An id that is not a number cannot exist in this table, so it selects nothing.
        query = query.filter(Column::Id.is_in(ids.iter().filter_map(|id| id.parse::<i64>().ok())));
    }
    let rows = query.all(&*tx).await?;
    let settled = rows.len() as u64;
    for row in rows {
        if action == DeadLetterAction::Redrive {
            // A new message id, because this is a new message and not a redelivery of the parked one.
            let id = Uuid::now_v7().to_string();
            send_message(&mut tx, id, "redrive", Some(queue), row.payload.clone());
        }
        row.delete(&*tx).await?;
    }
    tx.commit().await?;
    Ok(settled)
}

/// Creates the table `dead_letters`.
pub struct Migration;

impl MigrationName for Migration {
    /// The name in the table of applied migrations. It is written out, because a derived name would change with the
    /// name of the file.
    fn name(&self) -> &'static str {
        "dead_letters"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("dead_letters")
            .col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
            .col(ColumnDef::new("queue").text().not_null())
            .col(ColumnDef::new("reason").text().not_null())
            .col(ColumnDef::new("payload").blob().not_null())
            .col(ColumnDef::new("created_at").timestamp_with_time_zone().not_null())
            .to_owned();
        manager.create_table(table).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
