//! Pools for SQLite and Postgres, and migrations under a lock.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr, TransactionTrait};
use sea_orm_migration::MigratorTrait;
use secrecy::ExposeSecret;

use super::failover::{self, Follower};
use super::trust::Trust;
use super::watched::{Watch, Watched};
use super::writes::Writes;
use super::{Db, Inner, Pools, dialect};
use crate::clock::Clock;
use crate::config::Settings;
use crate::events::outbox::Outbox;
use crate::lifecycle::Tracker;

/// How long a request waits for a connection before it is refused with 503.
const ACQUIRE: Duration = Duration::from_secs(2);
/// How long background work waits; it retries anyway.
const ACQUIRE_BACKGROUND: Duration = Duration::from_secs(30);
/// The name by which Postgres knows the operator's commands; services are `chatty-NAME`. A command may have several connections,
/// and must not take them for a service.
const OPERATOR: &str = "chatty";
/// How SQLite opens files: they belong to one process, and the index of the write-ahead log lies in its own memory. Usually
/// it lies in a file that is mapped, and the kernel ends a process with SIGBUS that touches it on a disk that does not take
/// writes (ADR 21).
const SQLITE_VFS: &str = "unix-excl";

impl Db {
    /// Prepares the pools of `service`. Nothing must be connected before the first use, so this works while Postgres is
    /// down. Where the URL names several hosts, they follow the primary until the last clone of this is dropped.
    ///
    /// # Errors
    /// When the URL or the data folder is not usable.
    pub async fn open(settings: &Settings, service: &'static str, clock: Clock) -> Result<Self, DbErr> {
        Self::open_with(settings, service, format!("chatty-{service}"), clock, ACQUIRE).await
    }

    /// The same for an operator's command, which rather waits than fails.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub async fn open_for_operator(settings: &Settings, service: &'static str) -> Result<Self, DbErr> {
        Self::open_with(settings, service, OPERATOR.to_owned(), Clock::system(), ACQUIRE_BACKGROUND).await
    }

    async fn open_with(
        settings: &Settings,
        service: &'static str,
        program: String,
        clock: Clock,
        patience: Duration,
    ) -> Result<Self, DbErr> {
        let outbox = Outbox::new(service, settings.outbox_max_rows);
        let (pools, writes, follower) = match &settings.database_url {
            Some(url) => {
                let urls = failover::host_urls(url.expose_secret()).map_err(|error| DbErr::Custom(error.to_owned()))?;
                let (connections, writes) = (settings.database_max_connections, Writes::new(service, None));
                if let [url] = urls.as_slice() {
                    let pools = Pools::postgres(url, &writes, &program, connections, patience, None).await?;
                    (Arc::new(pools), writes, None)
                } else {
                    let follower = Follower { urls, service, program, connections, patience, writes: writes.clone() };
                    let (pools, follower) = follower.start().await?;
                    (pools, writes, Some(follower))
                }
            }
            None => {
                settings.create_data_dir().map_err(|error| DbErr::Custom(error.to_string()))?;
                let file = sqlite_file(&settings.data_dir, service);
                let writes = Writes::new(service, Some(file.clone()));
                (Arc::new(Pools::sqlite(&file, &writes, patience)), writes, None)
            }
        };
        let under_way = Tracker::new();
        Ok(Self(Arc::new(Inner { pools, outbox, clock, writes, patience, under_way, _follower: follower })))
    }

    /// Brings the schema up to date. Replicas that start together take turns.
    ///
    /// # Errors
    /// When the database is not there, or a migration fails.
    pub async fn migrate<M: MigratorTrait>(&self) -> Result<(), DbErr> {
        let pools = self.0.pools.current();
        if dialect::is_postgres(&pools.relay) {
            let lock = pools.relay.inner.begin().await?;
            dialect::lock_migrations(&lock).await?;
            M::up(&pools.write.inner, None).await?;
            lock.commit().await
        } else {
            M::up(&pools.write.inner, None).await
        }
    }
}

/// The SQLite file of a service.
fn sqlite_file(data_dir: &Path, service: &str) -> std::path::PathBuf {
    data_dir.join(format!("{service}.db"))
}

impl Pools {
    /// Pools to one host; with a timeline, only as long as it is primary and not on an older one.
    pub(super) async fn postgres(
        url: &str,
        writes: &Writes,
        program: &str,
        connections: u32,
        patience: Duration,
        timeline: Option<String>,
    ) -> Result<Self, DbErr> {
        let pool = async |size, acquire| {
            let watch = Watch { trust: Trust::default(), writes: writes.clone() };
            let inner = postgres(url, program, size, acquire, timeline.clone(), watch.trust.clone()).await?;
            Ok::<_, DbErr>(Watched { inner, watch })
        };
        Ok(Self {
            read: pool(connections.saturating_sub(4).max(1), patience).await?,
            write: pool(2, patience).await?,
            consume: pool(1, ACQUIRE_BACKGROUND).await?,
            relay: pool(1, ACQUIRE_BACKGROUND).await?,
            next: OnceLock::new(),
        })
    }

    /// Pools to a file. Its writers are one and the same connection.
    pub(super) fn sqlite(file: &Path, writes: &Writes, patience: Duration) -> Self {
        let watch = || Watch { trust: Trust::default(), writes: writes.clone() };
        let (reading, watch) = (watch(), watch());
        let inner = sqlite_writer(file, &watch.trust);
        let writer = || Watched { inner: inner.clone(), watch: watch.clone() };
        Self {
            read: Watched { inner: sqlite_readers(file, patience, &reading.trust), watch: reading },
            write: writer(),
            consume: writer(),
            relay: writer(),
            next: OnceLock::new(),
        }
    }
}

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
        .max_lifetime(None)
        .idle_timeout(None)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .statement_timeout(Duration::from_secs(5))
        .set_application_name(program)
        .connect_lazy(true)
        // By Postgres' default, which is that of a spinning disk, some hundred rows are found by reading a whole table.
        .map_sqlx_postgres_opts(|options| options.options([("random_page_cost", "1.1")]));
    options.map_sqlx_postgres_pool_opts(move |options| {
        let options = trust.watch_postgres(options);
        match &timeline {
            Some(timeline) => failover::guard(options, timeline.clone()),
            None => options,
        }
    });
    Database::connect(options).await
}

/// The one connection that writes to a file.
fn sqlite_writer(file: &Path, trust: &Trust) -> DatabaseConnection {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .vfs(SQLITE_VFS)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        // 4 MiB of log for each file, which matters on a small disk.
        .pragma("wal_autocheckpoint", "1000")
        .disable_statement_logging();
    trust.watch_sqlite(sqlite_pool(1, Duration::from_secs(5))).connect_lazy_with(options).into()
}

/// Connections that only read. They open the file as the writer does, since a file that is opened only for reading is locked
/// in another way.
fn sqlite_readers(file: &Path, acquire: Duration, trust: &Trust) -> DatabaseConnection {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .vfs(SQLITE_VFS)
        .busy_timeout(Duration::from_secs(5))
        .pragma("query_only", "on")
        .disable_statement_logging();
    trust.watch_sqlite(sqlite_pool(4, acquire)).connect_lazy_with(options).into()
}

/// A pool whose connections live until something about them is in doubt.
fn sqlite_pool(connections: u32, acquire: Duration) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(acquire)
        .max_lifetime(None)
        .idle_timeout(None)
        .test_before_acquire(false)
}
