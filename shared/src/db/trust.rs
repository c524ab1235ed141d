//! Which connections of a pool may still be used: only those whose state is certain.
//!
//! sqlx counts in the program how deep a connection is in transactions, and the database may disagree. After an error
//! such as a full disk SQLite has rolled back by itself, the ROLLBACK that follows fails, and the count stays at one: the
//! next transaction begins with SAVEPOINT, and its "commit" releases that instead of committing anything. A session of
//! Postgres may be read-only for ever because it was opened during a spell. So a connection about which anything is in
//! doubt is closed, and another one is opened in its place (docs/adr/0013).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::{self, Connection, Postgres, Sqlite, SqliteConnection};

/// An idle connection to Postgres is asked for a sign of life before it is used when it has rested for longer.
const RESTED: Duration = Duration::from_secs(30);

/// The trust in the connections of one pool. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Trust(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Connections that were opened before are not used again.
    distrusted: Mutex<Option<Instant>>,
    /// How often SQLite itself has committed on the pool's only connection.
    commits: AtomicU64,
    /// A transaction has begun on SQLite's only writer and was not seen to commit.
    unsettled: AtomicBool,
}

impl Trust {
    /// Lets every connection that is open now be closed instead of used again.
    pub(super) fn distrust(&self) {
        *self.0.distrusted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether a connection that was opened so long ago may be used.
    fn allows(&self, age: Duration) -> bool {
        let distrusted = self.0.distrusted.lock().unwrap_or_else(PoisonError::into_inner);
        distrusted.is_none_or(|at| age < at.elapsed())
    }

    /// Notes that a transaction of SQLite's writer has begun: its connection is looked into when it comes back.
    pub(super) fn begun(&self) {
        self.0.unsettled.store(true, Ordering::Release);
    }

    /// Notes that the transaction of SQLite's writer has certainly committed.
    pub(super) fn settled(&self) {
        self.0.unsettled.store(false, Ordering::Release);
    }

    /// How often SQLite's writer has committed. A commit of which this knows nothing was none.
    pub(super) fn commits(&self) -> u64 {
        self.0.commits.load(Ordering::Acquire)
    }

    /// Watches the connections of a pool on SQLite.
    pub(super) fn watch_sqlite(&self, options: PoolOptions<Sqlite>) -> PoolOptions<Sqlite> {
        let (connected, acquired, released) = (self.clone(), self.clone(), self.clone());
        options
            .after_connect(move |connection, _| {
                let trust = connected.clone();
                Box::pin(async move {
                    connection.lock_handle().await?.set_commit_hook(move || {
                        trust.0.commits.fetch_add(1, Ordering::AcqRel);
                        true
                    });
                    Ok(())
                })
            })
            .before_acquire(move |_, meta| {
                let allowed = acquired.allows(meta.age);
                Box::pin(async move { Ok(allowed) })
            })
            .after_release(move |connection, meta| {
                let trust = released.clone();
                Box::pin(async move {
                    if !trust.allows(meta.age) {
                        return Ok(false);
                    }
                    let settled =
                        !trust.0.unsettled.swap(false, Ordering::AcqRel) || is_between_transactions(connection).await;
                    if !settled {
                        tracing::warn!("A connection to SQLite is in a transaction that nobody began; it is closed.");
                    }
                    Ok(settled)
                })
            })
    }

    /// Watches the connections of a pool on Postgres.
    pub(super) fn watch_postgres(&self, options: PoolOptions<Postgres>) -> PoolOptions<Postgres> {
        let (acquired, released) = (self.clone(), self.clone());
        options
            .test_before_acquire(false)
            .before_acquire(move |connection, meta| {
                let allowed = acquired.allows(meta.age);
                Box::pin(async move {
                    if allowed && meta.idle_for > RESTED {
                        connection.ping().await?;
                    }
                    Ok(allowed)
                })
            })
            .after_release(move |_, meta| {
                let allowed = released.allows(meta.age);
                Box::pin(async move { Ok(allowed) })
            })
    }
}

/// Whether a connection is in no transaction, by SQLite's word and by sqlx's count. SQLite refuses a ROLLBACK exactly when
/// there is nothing to roll back; that the question waits behind a rollback that is under way makes the count current.
async fn is_between_transactions(connection: &mut SqliteConnection) -> bool {
    const ERROR: &str = "1";
    let refused = match sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await {
        Ok(_) => false,
        Err(error) => error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == ERROR),
    };
    refused && !connection.is_in_transaction()
}
