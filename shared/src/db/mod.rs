//! Database access: pools, transactions that carry events, errors by class, versioned upserts.

mod connect;
mod dialect;
mod failover;
mod failure;
mod file;
mod refused;
mod rows;
mod schema;
mod server;
pub mod sqlite;
#[cfg(test)]
mod tests;
mod trust;
mod upsert;
mod watched;
mod writes;

use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use sea_orm::{DatabaseConnection, DbErr, RuntimeErr, SqliteTransactionMode, TransactionOptions, TransactionTrait};
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

pub use dialect::{
    is_postgres, lift_time_limit, move_sequence, not_locked_until_commit, other_programs, outbox_older_than,
    try_sweeper_lock,
};
pub use failover::host_urls;
pub use failure::{Failure, Refusal, is_permanent, is_schema_missing, is_transient, on_constraint};
use file::{Change, SqliteFile};
pub use refused::{check_url, refused_for_good};
pub use rows::{given_rows, insert_rows, insert_rows_returning, padded};
pub use schema::Schema;
pub use server::{Server, server};
pub(crate) use upsert::key_columns;
pub use upsert::upsert_newer;
pub use watched::{Reads, Statements, Watched};
pub use writes::Trouble;
pub(crate) use writes::Writes;

use crate::clock::Clock;
use crate::events::Key;
use crate::events::comparison::Published;
use crate::events::outbox::{self, Outbox};
use crate::events::owned::Remembered;
use crate::fail_points::{self, AFTER_COMMIT};
use crate::lifecycle::Tracker;

/// A service's database: small separate pools, so that no kind of work can starve another.
///
/// On SQLite the three writing pools are one and the same connection.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    pools: Arc<Pools>,
    outbox: Outbox,
    clock: Clock,
    writes: Writes,
    /// On SQLite: how long a request waits for a connection, for pools that are opened anew.
    patience: Duration,
    /// Begins and commits that are brought to their end, also when nobody waits for them any more.
    under_way: Tracker,
    /// Lets the pools follow the primary, until the last clone is dropped.
    _follower: Option<JoinSet<()>>,
}

/// The four pools to one host.
struct Pools {
    read: Reads,
    write: Watched<DatabaseConnection>,
    consume: Watched<DatabaseConnection>,
    relay: Watched<DatabaseConnection>,
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
        [&self.read.inner, &self.relay.inner, &self.consume.inner, &self.write.inner]
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
    pub fn read(&self) -> &Reads {
        &self.0.pools.current().read
    }

    /// The relay's own connection.
    pub fn relay(&self) -> &Watched<DatabaseConnection> {
        &self.0.pools.current().relay
    }

    /// The consumers' connection, for a single statement that publishes nothing.
    pub(crate) fn consume(&self) -> &Watched<DatabaseConnection> {
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

    /// Whether writes are stored just now.
    pub(crate) fn writes(&self) -> &Writes {
        &self.0.writes
    }

    /// Begins a transaction for a request or a job.
    ///
    /// # Errors
    /// When the database is not there or all connections are busy; a [`Refusal`] while the disk is full or the file is in
    /// doubt.
    pub async fn begin(&self) -> Result<Tx, DbErr> {
        self.0.writes.check()?;
        self.begin_unchecked().await
    }

    /// Begins a small transaction that should succeed on a full disk too, with the room that is kept in reserve: of a
    /// session, or one that brings something to its end.
    ///
    /// # Errors
    /// As [`Db::begin`].
    pub async fn begin_in_reserve(&self) -> Result<Tx, DbErr> {
        self.0.writes.check_in_reserve()?;
        self.begin_unchecked().await
    }

    /// Begins a transaction whatever is known of the disk.
    async fn begin_unchecked(&self) -> Result<Tx, DbErr> {
        self.begin_on(&self.0.pools.current().write).await
    }

    /// Begins a transaction for a consumer.
    ///
    /// # Errors
    /// As [`Db::begin`].
    pub async fn begin_consuming(&self) -> Result<Tx, DbErr> {
        self.0.writes.check_in_reserve()?;
        self.begin_on(&self.0.pools.current().consume).await
    }

    async fn begin_on(&self, pool: &Watched<DatabaseConnection>) -> Result<Tx, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let (connection, watch) = (pool.inner.clone(), pool.watch.clone());
        let beginning = async move {
            let inner = watch.note(connection.begin_with_options(options).await)?;
            watch.trust.begun();
            Ok::<Statements, DbErr>(Watched { inner, watch })
        };
        // A begin that is cut off before its answer would leave a transaction open on a connection that goes back to its
        // pool: what the next one stores there by a single statement would not be committed.
        let inner = self.0.under_way.spawn(beginning).await.map_err(|error| DbErr::Custom(error.to_string()))??;
        Ok(Tx {
            inner,
            outbox: self.0.outbox.clone(),
            clock: self.0.clock.clone(),
            under_way: self.0.under_way.clone(),
            written: Vec::new(),
            published: Vec::new(),
            remembered: Vec::new(),
        })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// The reason why it does not.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.read().inner.ping().await
    }

    /// Opens SQLite's files anew when those that are open were deleted, moved or replaced. Answers whether the database
    /// itself was, so that nothing is known of what it holds now.
    pub(crate) async fn follow_file(&self) -> bool {
        let Some((file, change)) = self.0.writes.file().and_then(|file| Some((file, file.change()?))) else {
            return false;
        };
        tracing::error!(
            service = self.0.outbox.service(),
            "{} was deleted or replaced while it was open; the files are opened anew.",
            match change {
                Change::Database => "The database's file",
                Change::Log => "The write-ahead log of the database's file",
            }
        );
        let new = Pools::sqlite(file.path(), &self.0.writes, self.0.patience);
        let pools = self.0.pools.current();
        pools.close().await;
        file.forget();
        self.0.writes.renew();
        let _there_already = pools.next.set(Box::new(new));
        change == Change::Database
    }

    /// Closes all pools, after what is being committed.
    pub async fn close(&self) {
        self.0.under_way.close();
        self.0.under_way.wait().await;
        self.0.pools.current().close().await;
    }
}

/// A write transaction. Events can only be published inside of one; they leave for the broker when it has committed.
pub struct Tx {
    inner: Statements,
    outbox: Outbox,
    clock: Clock,
    under_way: Tracker,
    /// Rows of the outbox that it stores before it commits.
    written: Vec<outbox::ActiveModel>,
    /// The states of the service's own that these carry.
    published: Vec<Published>,
    remembered: Vec<Remembered>,
}

impl Deref for Tx {
    type Target = Statements;

    fn deref(&self) -> &Statements {
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

    /// Notes keys and versions of states that are in the messages.
    pub(crate) fn published(&mut self, stream: &'static str, states: Vec<(Key, i64)>) {
        self.published.push((stream, states));
    }

    /// Notes states for this process's memory.
    pub(crate) fn remembered(&mut self, states: Option<Remembered>) {
        self.remembered.extend(states);
    }

    /// Stores the events and commits, then hands the states to memory and the events to the relay. What is begun here is
    /// brought to its end also when the caller is dropped meanwhile: memory must know of everything that is stored.
    ///
    /// # Errors
    /// [`CommitError::Unknown`] when the connection was lost while committing, or the disk did not confirm the commit.
    pub async fn commit(self) -> Result<(), CommitError> {
        let cut_off = |error: JoinError| CommitError::Unknown(DbErr::Custom(error.to_string()));
        let under_way = self.under_way.clone();
        under_way.spawn(self.commit_now()).await.map_err(cut_off)?
    }

    async fn commit_now(self) -> Result<(), CommitError> {
        let stored = outbox::store(&self.inner, self.written).await.map_err(CommitError::Refused)?;
        let Watched { inner, watch } = self.inner;
        let (is_sqlite, before) = (!is_postgres(&inner), watch.trust.commits());
        watch.note_commit(inner.commit().await).map_err(|error| {
            if failure::leaves_commit_open(&error) { CommitError::Unknown(error) } else { CommitError::Refused(error) }
        })?;
        if is_sqlite && watch.trust.commits() == before {
            watch.trust.distrust();
            let text = "SQLite has committed nothing; the connection is closed";
            return Err(CommitError::Refused(DbErr::Conn(RuntimeErr::Internal(text.to_owned()))));
        }
        watch.trust.settled();
        if watch.writes.file().is_some_and(SqliteFile::is_gone) {
            let text = "the database's file was deleted or replaced";
            return Err(CommitError::Unknown(DbErr::Conn(RuntimeErr::Internal(text.to_owned()))));
        }
        watch.writes.stored();
        if !stored.is_empty() {
            fail_points::pass(AFTER_COMMIT);
        }
        self.outbox.owned().committed(self.remembered);
        let states = self.published.iter().map(|(_, states)| states.len()).sum();
        self.outbox.recent().note(self.published, Instant::now());
        self.outbox.relay_now(stored, states);
        Ok(())
    }

    /// Rolls back now. Dropping also rolls back, but asynchronously.
    ///
    /// # Errors
    /// When the connection is gone, which ends the transaction too.
    pub async fn rollback(self) -> Result<(), DbErr> {
        let Watched { inner, watch } = self.inner;
        watch.note_commit(inner.rollback().await)
    }
}
