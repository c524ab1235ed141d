//! Connections whose failures are noted: what a failed statement says of its connection, of the disk, and of the database.

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr, ExecResult, QueryResult,
    Statement, TransactionTrait,
};

use super::dialect::lift_time_limit;
use super::failure::{self, Failure};
use super::trust::Trust;
use super::writes::Writes;

/// A pool or a transaction. Statements run on it as on what is inside; the ones that fail are noted.
pub struct Watched<C> {
    pub(super) inner: C,
    pub(super) watch: Watch,
}

/// The statements of one transaction.
pub type Statements = Watched<DatabaseTransaction>;

/// The pool for queries outside of a transaction.
pub type Reads = Watched<DatabaseConnection>;

impl Reads {
    /// Begins a transaction to read whole tables in: no statement of a request may take as long.
    ///
    /// # Errors
    /// When the database is not there.
    pub async fn begin_unlimited(&self) -> Result<DatabaseTransaction, DbErr> {
        let tx = self.watch.note(self.inner.begin().await)?;
        self.watch.note(lift_time_limit(&tx).await)?;
        Ok(tx)
    }
}

/// The place where failures are noted. Clones share it.
#[derive(Clone)]
pub(super) struct Watch {
    pub(super) trust: Trust,
    pub(super) writes: Writes,
}

impl Watch {
    /// Notes a failed statement.
    pub(super) fn note<T>(&self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        result.inspect_err(|error| {
            if !failure::leaves_connection_sound(error) {
                self.trust.distrust();
            }
            if matches!(Failure::of(error), Failure::DiskFull | Failure::ReadOnly | Failure::Damaged) {
                self.writes.failed(error);
            }
        })
    }

    /// Notes a failed commit, which leaves no connection as it was.
    pub(super) fn note_commit<T>(&self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        self.note(result).inspect_err(|_| self.trust.distrust())
    }
}

#[async_trait]
impl<C: ConnectionTrait + Send> ConnectionTrait for Watched<C> {
    fn get_database_backend(&self) -> DatabaseBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.watch.note(self.inner.execute_raw(statement).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.watch.note(self.inner.execute_unprepared(sql).await)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.watch.note(self.inner.query_one_raw(statement).await)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.watch.note(self.inner.query_all_raw(statement).await)
    }
}
