//! The timeline of a Postgres host, by which a primary is told from a standby and from a former primary.
//!
//! Every promotion begins a new timeline with a higher number
//! (<https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES>). A host that takes writes on
//! a lower timeline than the known primary was left behind by a failover that it did not notice. Writes to it would be
//! lost.

use sea_orm::sqlx::pool::PoolOptions;
use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::{self, Postgres};

/// The query for the timeline of a host that takes writes. Null on a standby and on a host that is fenced by
/// `default_transaction_read_only`.
///
/// The name of a write-ahead log file begins with the timeline as eight hexadecimal digits, so timelines compare as
/// text.
const TIMELINE: &str = "SELECT CASE current_setting('transaction_read_only') \
                        WHEN 'off' THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END";

/// Reads the timeline of the host behind a connection, as eight hexadecimal digits. `None` if the host takes no writes.
///
/// # Errors
/// When the host does not answer.
pub(super) async fn read_timeline(connection: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar(TIMELINE).fetch_one(connection).await
}

/// Adds a check to a pool's options: each new connection is refused if the host takes no writes or its timeline is
/// lower than `oldest`.
///
/// Without the check, a pool would reconnect to a host that has become a standby or a former primary since the pool was
/// opened.
pub(super) fn require_primary(options: PoolOptions<Postgres>, oldest: String) -> PoolOptions<Postgres> {
    options.after_connect(move |connection, _| {
        let oldest = oldest.clone();
        Box::pin(async move {
            if read_timeline(connection).await?.is_some_and(|timeline| timeline >= oldest) {
                return Ok(());
            }
            // An I/O error counts as a failure that passes, so callers retry until the pools have been replaced.
            Err(sqlx::Error::Io(std::io::Error::other("the host is not primary")))
        })
    })
}
