//! Database access: pools, transactions that carry events, errors by class, versioned upserts.

mod connect;
mod constraint;
mod dialect;
mod failover;
mod rows;
mod schema;
mod server;
pub mod sqlite;
mod upsert;

use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::join_all;
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use tokio::task::JoinSet;
use tokio::time::timeout;

pub use constraint::{is_permanent, is_transient, on_constraint};
pub use dialect::{
    is_postgres, lift_time_limit, move_sequence, not_locked_until_commit, other_programs, outbox_older_than,
    try_sweeper_lock,
};
pub use failover::host_urls;
pub use rows::{given_rows, insert_rows, insert_rows_returning, padded};
pub use schema::Schema;
pub use server::{Server, server};
pub(crate) use upsert::key_columns;
pub use upsert::upsert_newer;

use crate::clock::Clock;
use crate::events::outbox::{self, Outbox};
use crate::events::owned::Remembered;
use crate::fail_points::{self, AFTER_COMMIT};

/// A service's database: small separate pools, so that no kind of work can starve another.
///
/// On SQLite the three writing pools are one and the same connection.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    pools: Arc<Pools>,
    outbox: Outbox,
    clock: Clock,
    /// Lets the pools follow the primary, until the last clone is dropped.
    _follower: Option<JoinSet<()>>,
}

/// The four pools to one host.
struct Pools {
    read: DatabaseConnection,
    write: DatabaseConnection,
    consume: DatabaseConnection,
    relay: DatabaseConnection,
    /// Those to the host that became primary after this one. The old ones stay, closed, for whoever still holds them.
    next: OnceLock<Box<Pools>>,
}

impl Pools {
    /// Those that are in use now.
    fn current(&self) -> &Self {
        self.next.get().map_or(self, |next| next.current())
    }

    /// Puts others in the place of these, and closes these without waiting for work that hangs.
    async fn replace(&self, new: Self) {
        if self.next.set(Box::new(new)).is_ok() {
            timeout(Duration::from_millis(100), join_all(self.all().map(close))).await.ok();
        }
    }

    /// Closes one after the other. SQLite's writer is the last, and takes its log (WAL) away with it.
    async fn close(&self) {
        for pool in self.all() {
            close(pool).await;
        }
    }

    fn all(&self) -> [&DatabaseConnection; 4] {
        [&self.read, &self.relay, &self.consume, &self.write]
    }
}

async fn close(pool: &DatabaseConnection) {
    if let Err(error) = pool.close_by_ref().await {
        tracing::warn!(%error, "A database pool did not close cleanly.");
    }
}

/// Why a commit did not answer with success.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The database said no: certainly nothing was stored.
    #[error("the commit was refused: {0}")]
    Refused(DbErr),
    /// The connection was lost meanwhile: it may or may not be stored.
    #[error("the outcome of the commit is unknown: {0}")]
    Unknown(DbErr),
}

impl Db {
    /// For queries outside of a transaction.
    pub fn read(&self) -> &DatabaseConnection {
        &self.0.pools.current().read
    }

    /// The relay's own connection.
    pub fn relay(&self) -> &DatabaseConnection {
        &self.0.pools.current().relay
    }

    /// The consumers' connection, for a single statement that publishes nothing.
    pub(crate) fn consume(&self) -> &DatabaseConnection {
        &self.0.pools.current().consume
    }

    /// Where events wait for the broker.
    pub fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    /// The service's clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Begins a transaction for a request or a job.
    ///
    /// # Errors
    /// When the database is not there or all connections are busy.
    pub async fn begin(&self) -> Result<Tx, DbErr> {
        self.begin_on(&self.0.pools.current().write).await
    }

    /// Begins a transaction for a consumer.
    ///
    /// # Errors
    /// As [`Db::begin`].
    pub async fn begin_consuming(&self) -> Result<Tx, DbErr> {
        self.begin_on(&self.0.pools.current().consume).await
    }

    async fn begin_on(&self, pool: &DatabaseConnection) -> Result<Tx, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let inner = pool.begin_with_options(options).await?;
        Ok(Tx {
            inner,
            outbox: self.0.outbox.clone(),
            clock: self.0.clock.clone(),
            written: Vec::new(),
            states: 0,
            remembered: Vec::new(),
        })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// The reason why it does not.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.read().ping().await
    }

    /// Closes all pools.
    pub async fn close(&self) {
        self.0.pools.current().close().await;
    }
}

/// A write transaction. Events can only be published inside of one; they leave for the broker when it has committed.
pub struct Tx {
    inner: DatabaseTransaction,
    outbox: Outbox,
    clock: Clock,
    /// Rows of the outbox that it stores before it commits.
    written: Vec<outbox::ActiveModel>,
    /// How many states of the service's own these carry.
    states: usize,
    remembered: Vec<Remembered>,
}

impl Deref for Tx {
    type Target = DatabaseTransaction;

    fn deref(&self) -> &DatabaseTransaction {
        &self.inner
    }
}

impl Tx {
    /// The service's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Where this transaction's events go.
    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Notes a message that is stored before the commit.
    pub(crate) fn wrote(&mut self, message: outbox::ActiveModel) {
        self.written.push(message);
    }

    /// Counts states that are in the messages.
    pub(crate) fn wrote_states(&mut self, states: usize) {
        self.states += states;
    }

    /// Notes states for this process's memory.
    pub(crate) fn remembered(&mut self, states: Option<Remembered>) {
        self.remembered.extend(states);
    }

    /// Stores the events and commits, then hands the states to memory and the events to the relay.
    ///
    /// # Errors
    /// [`CommitError::Unknown`] when the connection was lost while committing.
    pub async fn commit(self) -> Result<(), CommitError> {
        let stored = outbox::store(&self.inner, self.written).await.map_err(CommitError::Refused)?;
        self.inner.commit().await.map_err(|error| {
            if constraint::connection_was_lost(&error) {
                CommitError::Unknown(error)
            } else {
                CommitError::Refused(error)
            }
        })?;
        if !stored.is_empty() {
            fail_points::pass(AFTER_COMMIT);
        }
        self.outbox.owned().committed(self.remembered);
        self.outbox.relay_now(stored, self.states);
        Ok(())
    }

    /// Gives up. Dropping does the same a little later.
    ///
    /// # Errors
    /// When the connection is gone, which ends the transaction too.
    pub async fn rollback(self) -> Result<(), DbErr> {
        self.inner.rollback().await
    }
}
