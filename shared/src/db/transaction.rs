//! Write transactions: beginning one, and deciding whether its commit has happened.
//!
//! A service answers 2xx after a commit, so a commit that only looked successful would lose acknowledged data. This
//! file decides each case in which the outcome of a commit is in doubt (ADR 13, ADR 14).

use sea_orm::{DatabaseConnection, DbErr, RuntimeErr, SqliteTransactionMode, TransactionOptions, TransactionTrait};

use super::dialect::is_postgres;
use super::failure;
use super::file::SqliteFile;
use super::watched::{Pool, Statements, Watched};
use crate::error::ApiError;

/// The failure of a commit, by what is known of its outcome.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The database refused the commit: certainly nothing was stored.
    #[error("the commit was refused: {0}")]
    Refused(DbErr),
    /// The outcome is unknown: the transaction may be stored or not.
    #[error("the outcome of the commit is unknown: {0}")]
    Unknown(DbErr),
}

impl From<CommitError> for ApiError {
    /// Converts a refused commit as its database error is converted, and an unknown outcome into 504 `outcome_unknown`.
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Refused(error) => error.into(),
            CommitError::Unknown(error) => Self::outcome_unknown().caused_by(error),
        }
    }
}

impl Pool {
    /// Begins a write transaction.
    ///
    /// The future owns everything it needs, so that it can be spawned and runs to its end. A begin that is cancelled
    /// before its answer would leave a transaction open on a pooled connection, and the next single statement on it
    /// would not be committed (ADR 13).
    ///
    /// # Errors
    /// When no connection is free in time, or the database cannot be reached.
    pub(crate) fn begin_write(&self) -> impl Future<Output = Result<Statements, DbErr>> + Send + use<> {
        // IMMEDIATE takes SQLite's write lock at the beginning. A transaction that began by reading could fail with
        // BUSY at its first write (<https://www.sqlite.org/lang_transaction.html>).
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let (connection, watch): (DatabaseConnection, _) = (self.inner.clone(), self.watch.clone());
        async move {
            let inner = watch.report(connection.begin_with_options(options).await)?;
            watch.trust.mark_unsettled();
            Ok(Watched { inner, watch })
        }
    }
}

impl Statements {
    /// Commits, and verifies that the database has committed.
    ///
    /// # Errors
    /// [`CommitError::Refused`] when certainly nothing was stored; [`CommitError::Unknown`] when the connection was
    /// lost during the commit, the disk did not confirm it, or the database file was deleted or replaced.
    pub(crate) async fn commit(self) -> Result<(), CommitError> {
        let Self { inner, watch } = self;
        let (is_sqlite, commits_before) = (!is_postgres(&inner), watch.trust.commits());
        watch.report_end(inner.commit().await).map_err(|error| {
            let is_unknown = failure::leaves_outcome_unknown(&error);
            if is_unknown { CommitError::Unknown(error) } else { CommitError::Refused(error) }
        })?;
        // sqlx releases a savepoint instead of committing when its count of open transactions is wrong, and reports
        // success. Only SQLite's commit hook tells the difference. The writer is one connection, so no other
        // transaction is counted here.
        if is_sqlite && watch.trust.commits() == commits_before {
            watch.trust.distrust();
            let text = "SQLite has committed nothing; the connection is closed";
            return Err(CommitError::Refused(DbErr::Conn(RuntimeErr::Internal(text.to_owned()))));
        }
        watch.trust.mark_settled();
        // A commit to a file that was deleted meanwhile is lost when the process closes the file.
        if watch.health.file().is_some_and(SqliteFile::is_lost) {
            let text = "the database's file was deleted or replaced";
            return Err(CommitError::Unknown(DbErr::Conn(RuntimeErr::Internal(text.to_owned()))));
        }
        watch.health.record_commit();
        Ok(())
    }

    /// Rolls back now. Dropping also rolls back, but asynchronously.
    ///
    /// # Errors
    /// When the connection is gone, which ends the transaction too.
    pub(crate) async fn rollback(self) -> Result<(), DbErr> {
        let Self { inner, watch } = self;
        watch.report_end(inner.rollback().await)
    }
}
