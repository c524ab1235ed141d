//! Dead letters of the in-process broker: rows in the consumer's own database. RabbitMQ has queues for them.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryOrder;
use sea_orm::entity::prelude::*;
use sea_orm_migration::prelude::{ColumnDef, DeriveMigrationName, MigrationTrait, SchemaManager, Table};
use uuid::Uuid;

use super::broker::{DeadLetter, Verdict};
use super::outbox::{self, PublishError};
use crate::clock::Timestamp;
use crate::db::{CommitError, Db};

/// A message that could not be applied.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "dead_letters")]
pub struct Model {
    /// How the operator names it.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The queue it came from.
    pub queue: String,
    /// Why it could not be applied.
    pub reason: String,
    /// The message as it came.
    pub payload: Vec<u8>,
    /// When it was parked.
    pub created_at: Timestamp,
}

/// None.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Why a dead letter could not be handled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused.
    #[error(transparent)]
    Db(#[from] DbErr),
    /// The database refused while committing.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The message could not be sent again.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// Parks a message.
///
/// # Errors
/// When it is not certainly stored.
pub async fn park(db: &Db, queue: &str, payload: &[u8], reason: &str) -> Result<(), Error> {
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

/// The parked messages of a queue, oldest first, at most 1 000.
///
/// # Errors
/// What the database says.
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

/// How many messages of a queue are parked.
///
/// # Errors
/// What the database says.
pub async fn count(db: &Db, queue: &str) -> Result<u64, DbErr> {
    Entity::find().filter(Column::Queue.eq(queue)).count(db.read()).await
}

/// Sends parked messages again, through the outbox and so at least once, or drops them.
///
/// # Errors
/// When nothing was changed.
pub async fn settle(db: &Db, queue: &str, ids: Option<&[String]>, verdict: Verdict) -> Result<u64, Error> {
    let mut tx = db.begin().await?;
    let mut query = Entity::find().filter(Column::Queue.eq(queue));
    if let Some(ids) = ids {
        query = query.filter(Column::Id.is_in(ids.iter().filter_map(|id| id.parse::<i64>().ok())));
    }
    let rows = query.all(&*tx).await?;
    let settled = rows.len() as u64;
    for row in rows {
        if verdict == Verdict::Redrive {
            let id = Uuid::now_v7().to_string();
            outbox::write(&mut tx, id, "redrive", Some(queue), row.payload.clone());
        }
        row.delete(&*tx).await?;
    }
    tx.commit().await?;
    Ok(settled)
}

/// Creates the table.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::Id).big_integer().not_null().auto_increment().primary_key())
            .col(ColumnDef::new(Column::Queue).text().not_null())
            .col(ColumnDef::new(Column::Reason).text().not_null())
            .col(ColumnDef::new(Column::Payload).blob().not_null())
            .col(ColumnDef::new(Column::CreatedAt).timestamp_with_time_zone().not_null())
            .to_owned();
        manager.create_table(table).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
