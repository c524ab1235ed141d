//! Pools for SQLite and Postgres, and migrations under a lock.

use std::path::Path;
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr, TransactionTrait};
use sea_orm_migration::MigratorTrait;
use secrecy::ExposeSecret;

use super::{Db, dialect};
use crate::clock::Clock;
use crate::config::Settings;
use crate::events::outbox::Outbox;

/// How long a request waits for a connection before it is refused with 503.
const ACQUIRE: Duration = Duration::from_secs(2);
/// How long background work waits; it retries anyway.
const ACQUIRE_BACKGROUND: Duration = Duration::from_secs(30);

impl Db {
    /// Prepares the pools of `service`. Nothing is connected before the first use, so this works while Postgres is down.
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
            let url = url.expose_secret();
            let reads = settings.database_max_connections.saturating_sub(4).max(1);
            return Ok(Self {
                read: postgres(url, service, reads, patience).await?,
                write: postgres(url, service, 2, patience).await?,
                consume: postgres(url, service, 1, ACQUIRE_BACKGROUND).await?,
                relay: postgres(url, service, 1, ACQUIRE_BACKGROUND).await?,
                outbox,
                clock,
            });
        }
        settings
            .create_data_dir()
            .map_err(|error| DbErr::Custom(format!("{}: {error}", settings.data_dir.display())))?;
        let file = sqlite_file(&settings.data_dir, service);
        let write = sqlite_writer(&file).await?;
        Ok(Self {
            read: sqlite_readers(&file, patience).await?,
            consume: write.clone(),
            relay: write.clone(),
            write,
            outbox,
            clock,
        })
    }

    /// Brings the schema up to date. Replicas that start together take turns.
    ///
    /// # Errors
    /// When the database is not there, or a migration fails.
    pub async fn migrate<M: MigratorTrait>(&self) -> Result<(), DbErr> {
        let lock = self.relay.clone();
        if dialect::is_postgres(&lock) {
            let lock = lock.begin().await?;
            dialect::lock_migrations(&lock).await?;
            M::up(&self.write, None).await?;
            lock.commit().await
        } else {
            M::up(&self.write, None).await
        }
    }
}

/// The SQLite file of a service.
fn sqlite_file(data_dir: &Path, service: &str) -> std::path::PathBuf {
    data_dir.join(format!("{service}.db"))
}

async fn postgres(url: &str, service: &str, size: u32, acquire: Duration) -> Result<DatabaseConnection, DbErr> {
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
        .connect_lazy(true);
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
