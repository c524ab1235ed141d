//! The table `outbox`: messages that are committed and not confirmed by the broker yet.
//!
//! Each service's database has this table, and the relay deletes a row when the broker has confirmed its message.

use std::time::Duration;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait, SimpleExpr};
use sea_orm::{ConnectionTrait, QuerySelect};
use sea_orm_migration::prelude::{ColumnDef, Expr, MigrationName, MigrationTrait, SchemaManager, Table};

use crate::clock::Timestamp;
use crate::db::{self, Statements};

/// A row of the outbox: a message that waits for the broker's confirm.
///
/// The id is no cursor, because transactions commit in another order than they took their ids.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    /// The handle by which the row is deleted.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The id of the CloudEvent and of the broker's message.
    pub message_id: String,
    /// The stream, which is the routing key.
    pub stream: String,
    /// The one queue that the message is sent to, such as that of a copy that asked for a resync; absent for a message
    /// to the exchange.
    pub target: Option<String>,
    /// The CloudEvent, or a resync request, as bytes of JSON.
    pub payload: Vec<u8>,
    /// The time of the insert, by the server's clock on Postgres and by the process's clock on SQLite.
    pub created_at: Timestamp,
}

/// The relations of the table: it has none.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A message on its way to the broker: a row of the outbox without its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxMessage {
    /// The id of the row.
    pub id: i64,
    /// The id of the broker's message.
    pub message_id: String,
    /// The stream, which is the routing key.
    pub stream: String,
    /// The one queue that the message is sent to; absent for a message to the exchange.
    pub target: Option<String>,
    /// The CloudEvent, or a resync request, as bytes of JSON.
    pub payload: Vec<u8>,
}

impl From<Model> for OutboxMessage {
    fn from(row: Model) -> Self {
        Self { id: row.id, message_id: row.message_id, stream: row.stream, target: row.target, payload: row.payload }
    }
}

/// Builds the condition that a row is older than `age`. On Postgres the server's clock decides, because the clocks of
/// replicas differ; on SQLite `now` does.
pub(crate) fn older_than(connection: &impl ConnectionTrait, now: Timestamp, age: Duration) -> SimpleExpr {
    let created = Column::CreatedAt;
    if db::is_postgres(connection) {
        created.into_expr().lt(Expr::cust(format!("now() - interval '{} seconds'", age.as_secs())))
    } else {
        created.lt(now - age)
    }
}

/// Inserts the messages of a transaction that is about to commit, normally with one statement, and returns them in the
/// order of their ids.
///
/// # Errors
/// When the database refuses a row or cannot be reached.
pub(crate) async fn insert_messages(tx: &Statements, rows: Vec<ActiveModel>) -> Result<Vec<OutboxMessage>, DbErr> {
    let stored = db::insert_rows_returning(tx, rows, None).await?;
    let mut stored: Vec<OutboxMessage> = stored.into_iter().map(OutboxMessage::from).collect();
    // `RETURNING` promises no order. The ids give the order in which the messages were published.
    stored.sort_unstable_by_key(|message| message.id);
    Ok(stored)
}

/// Counts the messages that wait. Returns their number and the time of the oldest, which is `None` if no message waits.
///
/// # Errors
/// When the database cannot be reached.
pub async fn backlog(connection: &impl ConnectionTrait) -> Result<(u64, Option<Timestamp>), DbErr> {
    let row: Option<(i64, Option<Timestamp>)> = Entity::find()
        .select_only()
        .column_as(Column::Id.count(), "rows")
        .column_as(Column::CreatedAt.min(), "oldest")
        .into_tuple()
        .one(connection)
        .await?;
    Ok(row.map_or((0, None), |(rows, oldest)| (rows.unsigned_abs(), oldest)))
}

/// The migration that creates the table `outbox`.
pub struct Migration;

impl MigrationName for Migration {
    /// The name in the table of applied migrations. It is written out, because a derived name would change with the
    /// name of the file.
    fn name(&self) -> &'static str {
        "outbox"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let postgres = db::is_postgres(manager.get_connection());
        let mut created_at = ColumnDef::new("created_at");
        created_at.timestamp_with_time_zone().not_null();
        // On Postgres the server fills in the time, so that all rows have times of one clock.
        if postgres {
            created_at.default(Expr::current_timestamp());
        }
        let table = Table::create()
            .table("outbox")
            .col(ColumnDef::new("id").big_integer().not_null().auto_increment().primary_key())
            .col(ColumnDef::new("message_id").text().not_null())
            .col(ColumnDef::new("stream").text().not_null())
            .col(ColumnDef::new("target").text())
            .col(ColumnDef::new("payload").blob().not_null())
            .col(created_at)
            .to_owned();
        manager.create_table(table).await?;
        if postgres {
            // Rows come and go all the time while the table stays small. Autovacuum usually starts at a share of the
            // table's rows; here it starts after a fixed number of deleted rows.
            let sql = "ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)";
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
