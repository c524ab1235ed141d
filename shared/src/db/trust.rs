//! Trust in pooled connections: only a connection whose state is certain is used again (ADR 13).
//!
//! sqlx counts the nesting of transactions in the program, and the database may disagree. After an error such as a full
//! disk SQLite has rolled back by itself. The ROLLBACK that follows fails, and the count stays at one: the next
//! transaction begins with SAVEPOINT, and its "commit" releases the savepoint instead of committing. A session of
//! Postgres stays read-only if it was opened while `default_transaction_read_only` was on. So a connection in doubt is
//! closed, and the pool opens another one.
//!
//! The pool calls hooks on its connections; this file installs them.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::{self, Connection, Postgres, Sqlite, SqliteConnection};

/// The longest time that a connection to Postgres may be idle and then be used without a ping.
const MAX_IDLE: Duration = Duration::from_secs(30);

/// The trust in the connections of one pool. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Trust(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// The time of the last distrust; absent if there was none. Connections that were opened before it are not used
    /// again.
    distrusted_at: Mutex<Option<Instant>>,
    /// The number of commits that SQLite itself has made on the writer's connection.
    commits: AtomicU64,
    /// True if a transaction has begun on SQLite's writer and its commit was not verified.
    unsettled: AtomicBool,
}

impl Trust {
    /// Distrusts every connection that is open now: the pool closes it when it comes back or is next asked for.
    pub(super) fn distrust(&self) {
        *self.0.distrusted_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Returns true if a connection of this age may be used, because it was opened after the last distrust.
    fn allows(&self, age: Duration) -> bool {
        let distrusted_at = self.0.distrusted_at.lock().unwrap_or_else(PoisonError::into_inner);
        distrusted_at.is_none_or(|at| age < at.elapsed())
    }

    /// Records that a transaction has begun. Unless [`Trust::mark_settled`] follows, SQLite's writer is examined when
    /// it comes back to the pool.
    pub(super) fn mark_unsettled(&self) {
        self.0.unsettled.store(true, Ordering::Release);
    }

    /// Records that the transaction has certainly committed.
    pub(super) fn mark_settled(&self) {
        self.0.unsettled.store(false, Ordering::Release);
    }

    /// Returns the number of commits that SQLite itself has made on the writer's connection. A commit that does not
    /// raise this number has not happened.
    pub(super) fn commits(&self) -> u64 {
        self.0.commits.load(Ordering::Acquire)
    }

    /// Adds the hooks of a SQLite pool: counting commits, refusing distrusted connections, and examining the writer
    /// after a transaction whose commit was not verified.
    pub(super) fn add_sqlite_hooks(&self, options: PoolOptions<Sqlite>) -> PoolOptions<Sqlite> {
        let (connected, acquired, released) = (self.clone(), self.clone(), self.clone());
        options
            .after_connect(move |connection, _| {
                let trust = connected.clone();
                Box::pin(async move {
                    // SQLite calls the hook at each commit (<https://www.sqlite.org/c3ref/commit_hook.html>); `true`
                    // permits the commit.
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
                    // The examination costs a message between threads, so a verified commit goes without it.
                    let is_sound =
                        !trust.0.unsettled.swap(false, Ordering::AcqRel) || has_no_transaction(connection).await;
                    if !is_sound {
                        tracing::warn!("A connection to SQLite is in a transaction that nobody began; it is closed.");
                    }
                    Ok(is_sound)
                })
            })
    }

    /// Adds the hooks of a Postgres pool: refusing distrusted connections, and a ping before the use of one that was
    /// idle for long.
    pub(super) fn add_postgres_hooks(&self, options: PoolOptions<Postgres>) -> PoolOptions<Postgres> {
        let (acquired, released) = (self.clone(), self.clone());
        options
            // By default sqlx pings before every use, which is a round trip for each query.
            .test_before_acquire(false)
            .before_acquire(move |connection, meta| {
                let allowed = acquired.allows(meta.age);
                Box::pin(async move {
                    if allowed && meta.idle_for > MAX_IDLE {
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

/// Returns true if a connection has no open transaction, both by SQLite's answer and by sqlx's count.
///
/// SQLite refuses a ROLLBACK exactly when no transaction is open. The statement also waits behind a rollback that is
/// under way, so that sqlx's count is current afterwards.
async fn has_no_transaction(connection: &mut SqliteConnection) -> bool {
    const SQLITE_ERROR: &str = "1";
    let is_refused = match sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await {
        Ok(_) => false,
        Err(error) => error.as_database_error().and_then(|error| error.code()).is_some_and(|code| code == SQLITE_ERROR),
    };
    is_refused && !connection.is_in_transaction()
}
