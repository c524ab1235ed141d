//! The outbox: events wait here, written in the transaction of the change, until the broker has confirmed them.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, ConnectionTrait, QuerySelect};
use sea_orm_migration::prelude::{ColumnDef, DeriveMigrationName, Expr, MigrationTrait, SchemaManager, Table};
use tokio::sync::mpsc;

use super::comparison::Recent;
use super::envelope::{self, State};
use super::owned::Owned;
use super::writes::{Stopped, Writes};
use crate::clock::Timestamp;
use crate::db::{self, Statements, Tx};

/// A message that waits for its confirm. The id is no cursor: ids become visible out of order.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "outbox")]
pub struct Model {
    /// Only a handle to delete the row by.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The CloudEvent's id, which is the broker's message id too.
    pub message_id: String,
    /// The routing key.
    pub stream: String,
    /// Absent: the exchange; else the one queue that asked for a resync.
    pub target: Option<String>,
    /// The CloudEvent.
    pub payload: Vec<u8>,
    /// On Postgres by the database's clock.
    pub created_at: Timestamp,
}

/// The table stands alone.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A row of the outbox on its way to the broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxMessage {
    /// The row.
    pub id: i64,
    /// The broker's message id.
    pub message_id: String,
    /// The routing key.
    pub stream: String,
    /// The one queue it goes to, if not to all.
    pub target: Option<String>,
    /// The CloudEvent, or a resync request.
    pub payload: Vec<u8>,
}

impl From<Model> for OutboxMessage {
    fn from(row: Model) -> Self {
        Self { id: row.id, message_id: row.message_id, stream: row.stream, target: row.target, payload: row.payload }
    }
}

/// How many messages, and how many bytes of them, may wait in memory; more stay in the table until the sweeper takes them.
const FAST_PATH: usize = 10_000;
const FAST_PATH_BYTES: usize = 32 * 1024 * 1024;

/// By stream, how many states the transactions carried that wrote to it.
pub(crate) type Carried = HashMap<String, usize>;

/// The way from a committed transaction to the relay.
#[derive(Clone)]
pub struct Outbox {
    service: &'static str,
    sender: mpsc::Sender<OutboxMessage>,
    receiver: Arc<tokio::sync::Mutex<mpsc::Receiver<OutboxMessage>>>,
    waiting_bytes: Arc<AtomicUsize>,
    carried: Arc<Mutex<Carried>>,
    full: Arc<AtomicBool>,
    backlog: Arc<Mutex<(u64, Option<Timestamp>)>>,
    max_rows: u64,
    owned: Owned,
    writes: Writes,
    recent: Recent,
}

impl Outbox {
    /// The outbox of a service that refuses writes above `max_rows`.
    pub fn new(service: &'static str, max_rows: u64) -> Self {
        let (sender, receiver) = mpsc::channel(FAST_PATH);
        Self {
            service,
            sender,
            receiver: Arc::new(tokio::sync::Mutex::new(receiver)),
            waiting_bytes: Arc::default(),
            carried: Arc::default(),
            full: Arc::default(),
            backlog: Arc::default(),
            max_rows,
            owned: Owned::default(),
            writes: Writes::default(),
            recent: Recent::default(),
        }
    }

    /// The service whose outbox it is.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// What this process remembers of the service's own streams.
    pub fn owned(&self) -> &Owned {
        &self.owned
    }

    /// The state that tells whether the service may publish as the owner of its streams.
    pub fn writes(&self) -> &Writes {
        &self.writes
    }

    /// The memory of what this process has published in the last minutes.
    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Checks that states can be published now.
    ///
    /// # Errors
    /// The reason why they cannot.
    pub fn admit(&self) -> Result<(), PublishError> {
        if self.is_full() {
            return Err(PublishError::Full);
        }
        Ok(self.writes.admit()?)
    }

    /// Hands the messages of a committed transaction, which carried so many states, to this process's relay. What does not
    /// fit stays in the table.
    pub(crate) fn relay_now(&self, messages: Vec<OutboxMessage>, states: usize) {
        let streams: HashSet<&String> = messages.iter().map(|message| &message.stream).collect();
        let mut carried = self.carried.lock().unwrap_or_else(PoisonError::into_inner);
        streams.into_iter().for_each(|stream| *carried.entry(stream.clone()).or_default() += states);
        drop(carried);
        for message in messages {
            let bytes = message.payload.len();
            let before = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
            if before + bytes > FAST_PATH_BYTES || self.sender.try_send(message).is_err() {
                self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
                return;
            }
        }
    }

    /// Waits for up to `limit` messages of the fast path: these, and what the transactions carried since the last ones.
    pub(crate) async fn take(&self, limit: usize) -> (Vec<OutboxMessage>, Carried) {
        let mut messages = Vec::new();
        self.receiver.lock().await.recv_many(&mut messages, limit).await;
        let bytes = messages.iter().map(|message| message.payload.len()).sum();
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        (messages, std::mem::take(&mut *self.carried.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Forgets what waits on the fast path, because everything in the table is about to be sent.
    pub(crate) async fn leave_to_sweep(&self) {
        let mut receiver = self.receiver.lock().await;
        while let Ok(message) = receiver.try_recv() {
            self.waiting_bytes.fetch_sub(message.payload.len(), Ordering::Relaxed);
        }
    }

    /// Notes how many rows wait and since when, as counted by the relay.
    pub(crate) fn note_backlog(&self, rows: u64, oldest: Option<Timestamp>) {
        self.full.store(rows > self.max_rows, Ordering::Relaxed);
        *self.backlog.lock().unwrap_or_else(PoisonError::into_inner) = (rows, oldest);
    }

    /// How many rows waited when they were last counted, and the oldest time.
    pub(crate) fn last_backlog(&self) -> (u64, Option<Timestamp>) {
        *self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether more rows wait than allowed.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }
}

/// Why an event could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Too many events wait for the broker already.
    #[error("the outbox has reached its configured size")]
    Full,
    /// The owner must not publish now.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// A state did not become JSON.
    #[error("a state could not be written: {0}")]
    Encode(#[from] serde_json::Error),
}

impl From<PublishError> for crate::error::ApiError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Full => {
                Self::unavailable("outbox_full", "Too many events wait for the broker, nothing was stored")
            }
            PublishError::Stopped(Stopped::Starting) => {
                Self::unavailable("starting", "The service is starting, nothing was stored")
            }
            PublishError::Stopped(Stopped::OlderThanCopies) => Self::unavailable(
                "older_than_copies",
                "The database is older than its copies, nothing was stored; `chatty restore` makes it usable again, or \
                 `chatty reconcile --fix` if only rows of a copy were changed by hand",
            ),
            PublishError::Encode(error) => Self::internal(error),
        }
    }
}

/// Publishes states inside the transaction that wrote them (rule R4). They are stored right before it
/// commits, and reach the memory of their stream right after it.
///
/// # Errors
/// [`PublishError`]; the transaction must then be given up.
pub fn publish<S: State>(tx: &mut Tx, states: &[S]) -> Result<(), PublishError> {
    tx.outbox().admit()?;
    send(tx, S::STREAM, None, states)?;
    tx.published(S::STREAM, states.iter().map(|state| (state.key(), state.version())).collect());
    remember(tx, states);
    Ok(())
}

/// Hands states to the memory of this service's processes when the transaction has committed, and to nobody else: what
/// no other service consumes.
pub fn remember<S: State>(tx: &mut Tx, states: &[S]) {
    let remembered = tx.outbox().owned().remembered(states);
    tx.remembered(remembered);
}

/// Writes states for one queue only: the answer to a resync request.
///
/// # Errors
/// [`PublishError`].
pub(crate) fn send<S: serde::Serialize>(
    tx: &mut Tx,
    stream: &str,
    target: Option<&str>,
    states: &[S],
) -> Result<(), PublishError> {
    let messages = envelope::encode(tx.outbox().service(), stream, states, tx.clock().now())?;
    for (message_id, payload) in messages {
        write(tx, message_id.to_string(), stream, target, payload);
    }
    Ok(())
}

/// Writes one raw message for one queue.
pub(crate) fn write(tx: &mut Tx, message_id: String, stream: &str, target: Option<&str>, payload: Vec<u8>) {
    // Postgres fills the time by its own clock, which the sweeper compares with.
    let created_at = if db::is_postgres(&**tx) { NotSet } else { Set(tx.clock().now()) };
    tx.wrote(ActiveModel {
        id: NotSet,
        message_id: Set(message_id),
        stream: Set(stream.to_owned()),
        target: Set(target.map(str::to_owned)),
        payload: Set(payload),
        created_at,
    });
}

/// Stores the messages of a transaction that is about to commit, all with one statement as a rule.
pub(crate) async fn store(tx: &Statements, rows: Vec<ActiveModel>) -> Result<Vec<OutboxMessage>, DbErr> {
    let stored = db::insert_rows_returning(tx, rows, None).await?;
    let mut stored: Vec<OutboxMessage> = stored.into_iter().map(OutboxMessage::from).collect();
    stored.sort_unstable_by_key(|message| message.id);
    Ok(stored)
}

/// Counts the rows and reads the oldest time.
///
/// # Errors
/// What the database says.
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

/// Creates the table.
#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let postgres = db::is_postgres(manager.get_connection());
        let mut created_at = ColumnDef::new(Column::CreatedAt);
        created_at.timestamp_with_time_zone().not_null();
        if postgres {
            created_at.default(Expr::current_timestamp());
        }
        let table = Table::create()
            .table(Entity)
            .col(ColumnDef::new(Column::Id).big_integer().not_null().auto_increment().primary_key())
            .col(ColumnDef::new(Column::MessageId).text().not_null())
            .col(ColumnDef::new(Column::Stream).text().not_null())
            .col(ColumnDef::new(Column::Target).text())
            .col(ColumnDef::new(Column::Payload).blob().not_null())
            .col(created_at)
            .to_owned();
        manager.create_table(table).await?;
        if postgres {
            // The table is written and emptied all the time: vacuum by rows, not by share of an empty table.
            let sql = "ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)";
            manager.get_connection().execute_unprepared(sql).await?;
        }
        Ok(())
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
