//! Pools for SQLite and Postgres, and migrations under a lock.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr, TransactionTrait};
use sea_orm_migration::MigratorTrait;
use secrecy::ExposeSecret;

use super::failover::{self, Follower};
use super::{Db, Inner, Pools, dialect};
use crate::clock::Clock;
use crate::config::Settings;
use crate::events::outbox::Outbox;

/// How long a request waits for a connection before it is refused with 503.
const ACQUIRE: Duration = Duration::from_secs(2);
/// How long background work waits; it retries anyway.
const ACQUIRE_BACKGROUND: Duration = Duration::from_secs(30);

impl Db {
    /// Prepares the pools of `service`. Nothing must be connected before the first use, so this works while Postgres is
    /// down. Where the URL names several hosts, they follow the primary until the last clone of this is dropped.
    ///
    /// # Errors
    /// When the URL or the data folder is not usable.
    pub async fn open(settings: &Settings, service: &'static str, clock: Clock) -> Result<Self, DbErr> {
        Self::open_with(settings, service, clock, ACQUIRE).await
    }

    /// The same for an operator's command, which rather waits than fails.
    ///
    /// # Errors
    /// As [`Db::open`].
    pub async fn open_for_operator(settings: &Settings, service: &'static str) -> Result<Self, DbErr> {
        Self::open_with(settings, service, Clock::system(), ACQUIRE_BACKGROUND).await
    }

    async fn open_with(
        settings: &Settings,
        service: &'static str,
        clock: Clock,
        patience: Duration,
    ) -> Result<Self, DbErr> {
        let outbox = Outbox::new(service, settings.outbox_max_rows);
        if let Some(url) = &settings.database_url {
            let urls = failover::host_urls(url.expose_secret()).map_err(|error| DbErr::Custom(error.to_owned()))?;
            let connections = settings.database_max_connections;
            if let [url] = urls.as_slice() {
                let pools = Arc::new(Pools::postgres(url, service, connections, patience, None).await?);
                return Ok(Self(Arc::new(Inner { pools, outbox, clock, _follower: None })));
            }
            let (pools, follower) = Follower { urls, service, connections, patience }.start().await?;
            return Ok(Self(Arc::new(Inner { pools, outbox, clock, _follower: Some(follower) })));
        }
        settings
            .create_data_dir()
            .map_err(|error| DbErr::Custom(format!("{}: {error}", settings.data_dir.display())))?;
        let file = sqlite_file(&settings.data_dir, service);
        let write = sqlite_writer(&file).await?;
        let read = sqlite_readers(&file, patience).await?;
        let pools = Pools { read, consume: write.clone(), relay: write.clone(), write, next: OnceLock::new() };
        Ok(Self(Arc::new(Inner { pools: Arc::new(pools), outbox, clock, _follower: None })))
    }

    /// Brings the schema up to date. Replicas that start together take turns.
    ///
    /// # Errors
    /// When the database is not there, or a migration fails.
    pub async fn migrate<M: MigratorTrait>(&self) -> Result<(), DbErr> {
        let pools = self.0.pools.current();
        if dialect::is_postgres(&pools.relay) {
            let lock = pools.relay.begin().await?;
            dialect::lock_migrations(&lock).await?;
            M::up(&pools.write, None).await?;
            lock.commit().await
        } else {
            M::up(&pools.write, None).await
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
        service: &str,
        connections: u32,
        patience: Duration,
        timeline: Option<String>,
    ) -> Result<Self, DbErr> {
        let pool = async |size, acquire| postgres(url, service, size, acquire, timeline.clone()).await;
        Ok(Self {
            read: pool(connections.saturating_sub(4).max(1), patience).await?,
            write: pool(2, patience).await?,
            consume: pool(1, ACQUIRE_BACKGROUND).await?,
            relay: pool(1, ACQUIRE_BACKGROUND).await?,
            next: OnceLock::new(),
        })
    }
}

async fn postgres(
    url: &str,
    service: &str,
    size: u32,
    acquire: Duration,
    timeline: Option<String>,
) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(size)
        .min_connections(0)
        .acquire_timeout(acquire)
        .connect_timeout(acquire)
        .max_lifetime(None)
        .idle_timeout(None)
        .test_before_acquire_if_idle_for(Duration::from_secs(30))
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .statement_timeout(Duration::from_secs(5))
        .set_application_name(format!("chatty-{service}"))
        .connect_lazy(true)
        // By Postgres' default, which is that of a spinning disk, some hundred rows are found by reading a whole table.
        .map_sqlx_postgres_opts(|options| options.options([("random_page_cost", "1.1")]));
    if let Some(timeline) = timeline {
        failover::guard(&mut options, timeline);
    }
    Database::connect(options).await
}

async fn sqlite_writer(file: &Path) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rwc", file.display()));
    options
        .max_connections(1)
        .acquire_timeout(Duration::from_secs(5))
        .max_lifetime(None)
        .idle_timeout(None)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .map_sqlx_sqlite_opts(|options| {
            options
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(Duration::from_secs(5))
                .pragma("wal_autocheckpoint", "4000")
        });
    Database::connect(options).await
}

async fn sqlite_readers(file: &Path, acquire: Duration) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=ro", file.display()));
    options
        .max_connections(4)
        .acquire_timeout(acquire)
        .max_lifetime(None)
        .idle_timeout(None)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .connect_lazy(true)
        .map_sqlx_sqlite_opts(|options| options.busy_timeout(Duration::from_secs(5)).pragma("query_only", "on"));
    Database::connect(options).await
}
