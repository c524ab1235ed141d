//! Connections that report their failures.
//!
//! After a failed statement its connection may be in doubt ([`Trust`]), and the disk or the database file may be
//! failing ([`WriteHealth`]). A wrapper around pools and transactions reports every failure to both, so that no query
//! of a service has to do it (ADR 13).

use async_trait::async_trait;
use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr, ExecResult, QueryResult,
    Statement, TransactionTrait,
};

use super::dialect::lift_time_limit;
use super::failure::{self, Failure};
use super::trust::Trust;
use super::write_health::WriteHealth;

/// A pool or a transaction that reports failed statements. It runs statements exactly as the wrapped pool or
/// transaction does.
pub struct Watched<C> {
    pub(super) inner: C,
    pub(super) watch: Watch,
}

impl Pool {
    /// Pings the database and waits for its answer.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn ping(&self) -> Result<(), DbErr> {
        self.inner.ping().await
    }
}

/// The statements of one transaction.
pub type Statements = Watched<DatabaseTransaction>;

/// A pool of connections.
pub(crate) type Pool = Watched<DatabaseConnection>;

/// The pool for queries outside of a transaction.
pub type Reads = Watched<DatabaseConnection>;

impl Reads {
    /// Begins a transaction whose statements have no time limit, for reading whole tables.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn begin_unlimited(&self) -> Result<DatabaseTransaction, DbErr> {
        let tx = self.watch.report(self.inner.begin().await)?;
        self.watch.report(lift_time_limit(&tx).await)?;
        Ok(tx)
    }
}

/// The receivers of failure reports. Clones share them.
#[derive(Clone)]
pub(super) struct Watch {
    pub(super) trust: Trust,
    pub(super) health: WriteHealth,
}

impl Watch {
    /// Reports the failure of a statement, if it has failed, and returns its result unchanged.
    pub(super) fn report<T>(&self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        result.inspect_err(|error| {
            if !failure::leaves_connection_sound(error) {
                self.trust.distrust();
            }
            // Only these classes tell of the disk or the file. A lock or a lost connection says nothing about later
            // writes.
            if matches!(Failure::of(error), Failure::DiskFull | Failure::ReadOnly | Failure::Damaged) {
                self.health.record_failure(error);
            }
        })
    }

    /// Reports the failure of a commit or rollback, which always leaves the connection in doubt, and returns the result
    /// unchanged.
    pub(super) fn report_end<T>(&self, result: Result<T, DbErr>) -> Result<T, DbErr> {
        self.report(result).inspect_err(|_| self.trust.distrust())
    }
}

#[async_trait]
impl<C: ConnectionTrait + Send> ConnectionTrait for Watched<C> {
    fn get_database_backend(&self) -> DatabaseBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.watch.report(self.inner.execute_raw(statement).await)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.watch.report(self.inner.execute_unprepared(sql).await)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.watch.report(self.inner.query_one_raw(statement).await)
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.watch.report(self.inner.query_all_raw(statement).await)
    }
}
