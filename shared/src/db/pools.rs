//! The connection pools of one service, to a Postgres host or to a SQLite file.
//!
//! This file owns all options of connections: sizes, time-outs, durability and locking. Each kind of work has a pool of
//! its own, so that a flood of one kind cannot take the connections of another.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use futures_util::future::join_all;
use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};
use tokio::time::timeout;

use super::file::SqliteFile;
use super::timeline::require_primary;
use super::trust::Trust;
use super::watched::{Pool, Reads, Watch, Watched};
use super::write_health::WriteHealth;

/// The longest time that a request waits for a connection before it is refused with 503.
pub(super) const ACQUIRE_REQUEST: Duration = Duration::from_secs(2);
/// The longest time that anybody waits for SQLite's writer, in place of [`ACQUIRE_REQUEST`] and [`ACQUIRE_BACKGROUND`].
/// Requests, consumers and the relay share this one connection. So a request also waits for their transactions, and has
/// more time than on Postgres, where requests have connections of their own.
const ACQUIRE_SQLITE_WRITER: Duration = Duration::from_secs(5);
/// The longest time that consumers, the relay and the operator's commands wait for a connection. It may be long,
/// because no client of the API waits for them.
pub(super) const ACQUIRE_BACKGROUND: Duration = Duration::from_secs(30);
/// The VFS with which SQLite opens files (<https://www.sqlite.org/vfs.html>): a file belongs to one process, and the
/// index of its write-ahead log is in the memory of that process. By default the index is a mapped file, and the kernel
/// ends a process with SIGBUS when it touches a mapped page on a disk that takes no writes (ADR 21).
const SQLITE_VFS: &str = "unix-excl";

/// The four pools to one host or to one file.
///
/// On SQLite the three pools that write share one connection, because SQLite has one writer at a time.
pub(crate) struct Pools {
    /// The pool for queries outside of a transaction.
    pub(crate) read: Reads,
    /// The pool for the transactions of requests and jobs. On Postgres it has two connections, so that one transaction
    /// executes its statements while another one commits (ADR 9).
    pub(crate) write: Pool,
    /// The pool for the transactions of consumers: one connection.
    pub(crate) consume: Pool,
    /// The pool for the relay of the outbox: one connection, whose session holds the sweeper lock.
    pub(crate) relay: Pool,
    /// The pools that replaced these ones, after a failover or after the file was opened again. The old pools stay,
    /// closed, because references to them are still in use.
    next: OnceLock<Box<Self>>,
}

impl Pools {
    /// Returns the pools of the current primary or file.
    pub(crate) fn current(&self) -> &Self {
        self.next.get().map_or(self, |next| next.current())
    }

    /// Replaces these pools by new ones, then closes them. Connections that hang, as those to a dead host do, are not
    /// waited for.
    pub(super) async fn replace(&self, new: Self) {
        if self.next.set(Box::new(new)).is_ok() {
            timeout(Duration::from_millis(100), join_all(self.all().map(close))).await.ok();
        }
    }

    /// Closes these pools, then replaces them by new ones to the same path. The old files have to be closed first,
    /// because SQLite locks them for one opener, and because closing writes a lost write-ahead log back into its
    /// database (ADR 14).
    pub(crate) async fn reopen(&self, new: Self, file: &SqliteFile) {
        self.close().await;
        file.forget();
        let _replaced_already = self.next.set(Box::new(new));
    }

    /// Closes one pool after the other. SQLite's writer is the last, because the last connection to close removes the
    /// write-ahead log.
    pub(crate) async fn close(&self) {
        for pool in self.all() {
            close(pool).await;
        }
    }

    fn all(&self) -> [&DatabaseConnection; 4] {
        [&self.read.inner, &self.relay.inner, &self.consume.inner, &self.write.inner]
    }
}

/// Closes one pool. A failure is logged only: the connections are gone in any case.
async fn close(pool: &DatabaseConnection) {
    if let Err(error) = pool.close_by_ref().await {
        tracing::warn!(%error, "A database pool did not close cleanly.");
    }
}

impl Pools {
    /// Creates the pools to one Postgres host, without connecting yet.
    ///
    /// `connections` is the size of all pools together, and `acquire_timeout` the longest time that a request waits for
    /// a connection. If `timeline` is given, connections are refused unless the host is primary on that timeline or a
    /// higher one.
    ///
    /// # Errors
    /// When the URL cannot be used.
    pub(super) async fn postgres(
        url: &str,
        health: &WriteHealth,
        program: &str,
        connections: u32,
        acquire_timeout: Duration,
        timeline: Option<String>,
    ) -> Result<Self, DbErr> {
        let pool = async |size, acquire| {
            let watch = Watch { trust: Trust::default(), health: health.clone() };
            let inner = postgres(url, program, size, acquire, timeline.clone(), watch.trust.clone()).await?;
            Ok::<_, DbErr>(Watched { inner, watch })
        };
        Ok(Self {
            read: pool(connections.saturating_sub(4).max(1), acquire_timeout).await?,
            write: pool(2, acquire_timeout).await?,
            consume: pool(1, ACQUIRE_BACKGROUND).await?,
            relay: pool(1, ACQUIRE_BACKGROUND).await?,
            next: OnceLock::new(),
        })
    }

    /// Creates the pools to a SQLite file, without opening it yet. `acquire_timeout` is the longest time that a request
    /// waits for a connection that reads.
    pub(crate) fn sqlite(file: &Path, health: &WriteHealth, acquire_timeout: Duration) -> Self {
        let watch = || Watch { trust: Trust::default(), health: health.clone() };
        // Readers and the writer are trusted separately: a failed write says nothing about the connections that read.
        let (read_watch, write_watch) = (watch(), watch());
        let inner = sqlite_writer(file, &write_watch.trust);
        let writer = || Watched { inner: inner.clone(), watch: write_watch.clone() };
        Self {
            read: Watched { inner: sqlite_readers(file, acquire_timeout, &read_watch.trust), watch: read_watch },
            write: writer(),
            consume: writer(),
            relay: writer(),
            next: OnceLock::new(),
        }
    }
}

/// Creates one pool to a Postgres host, without connecting yet.
async fn postgres(
    url: &str,
    program: &str,
    size: u32,
    acquire: Duration,
    timeline: Option<String>,
    trust: Trust,
) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(size)
        .min_connections(0)
        .acquire_timeout(acquire)
        .connect_timeout(acquire)
        // A connection ends only when it is distrusted: an age limit would close healthy ones, and the relay's sweeper
        // lock with its session.
        .max_lifetime(None)
        .idle_timeout(None)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .statement_timeout(Duration::from_secs(5))
        .set_application_name(program)
        .connect_lazy(true)
        // The default of 4 describes a spinning disk. With it, Postgres reads a whole table to find some hundred rows.
        .map_sqlx_postgres_opts(|options| options.options([("random_page_cost", "1.1")]));
    options.map_sqlx_postgres_pool_opts(move |options| {
        let options = trust.add_postgres_hooks(options);
        match &timeline {
            Some(timeline) => require_primary(options, timeline.clone()),
            None => options,
        }
    });
    Database::connect(options).await
}

/// Creates the pool of the one connection that writes to a file.
fn sqlite_writer(file: &Path, trust: &Trust) -> DatabaseConnection {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .vfs(SQLITE_VFS)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // A commit that is acknowledged must survive a power cut; with NORMAL, the write-ahead log is synced at
        // checkpoints only (<https://www.sqlite.org/pragma.html#pragma_synchronous>).
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        // In pages: a checkpoint after 4 MiB of log, so that the logs of five services fit on a small disk (ADR 21).
        .pragma("wal_autocheckpoint", "1000")
        .disable_statement_logging();
    trust.add_sqlite_hooks(sqlite_pool(1, ACQUIRE_SQLITE_WRITER)).connect_lazy_with(options).into()
}

/// Creates the pool of the connections that read a file.
///
/// They open the file in the writer's mode and set `query_only`. On a file that is opened read-only, SQLite would take
/// locks that exclude the writer of the same process.
fn sqlite_readers(file: &Path, acquire: Duration, trust: &Trust) -> DatabaseConnection {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .vfs(SQLITE_VFS)
        .busy_timeout(Duration::from_secs(5))
        .pragma("query_only", "on")
        .disable_statement_logging();
    trust.add_sqlite_hooks(sqlite_pool(4, acquire)).connect_lazy_with(options).into()
}

/// Returns the options of a pool whose connections live until they are distrusted. A connection to a file needs no ping
/// before it is used: no server can have closed it.
fn sqlite_pool(connections: u32, acquire: Duration) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(acquire)
        .max_lifetime(None)
        .idle_timeout(None)
        .test_before_acquire(false)
}
