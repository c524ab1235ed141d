//! Facts about a Postgres server and one of its databases, for the operator.
//!
//! `chatty doctor` compares them with the settings: for example, whether the server takes as many connections as all
//! replicas may open.

use chrono::{DateTime, Utc};
use sea_orm::{DatabaseBackend, DbErr, FromQueryResult, Statement};

use super::dialect::is_postgres;
use super::watched::Reads;

/// The facts about a database and its server at one moment.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Server {
    /// The identity of the server: its address and port. Databases with equal identities are on one server.
    pub identity: String,
    /// The most connections that the server accepts, without those reserved for superusers and privileged roles.
    pub max_connections: i64,
    /// The number of open client connections to all databases of the server.
    pub open: i64,
    /// The most connections to this database and of this role, whichever limit is lower; absent if neither has a limit.
    pub limit: Option<i64>,
    /// The number of open connections to this database, without those of the asking program.
    pub open_here: i64,
    /// The number of distinct addresses from which services are connected to this database: an estimate of the number
    /// of replicas.
    pub replicas: i64,
    /// The time by the server's clock.
    pub clock: DateTime<Utc>,
}

/// Reads the facts from the server with one query. `None` on SQLite, which has no server.
///
/// # Errors
/// When the database cannot be reached.
pub async fn read_server(connection: &Reads) -> Result<Option<Server>, DbErr> {
    if !is_postgres(connection) {
        return Ok(None);
    }
    // `reserved_connections` exists since Postgres 16, so it may be missing.
    let sql = "SELECT coalesce(inet_server_addr()::text, '') || ':' || current_setting('port') AS identity, \
        current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint \
            - coalesce(current_setting('reserved_connections', true), '0')::bigint AS max_connections, \
        (SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL) AS open, \
        (SELECT least(nullif(datconnlimit, -1), nullif(rolconnlimit, -1))::bigint FROM pg_database, pg_roles \
            WHERE datname = current_database() AND rolname = current_user) AS \"limit\", \
        (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
            AND application_name <> current_setting('application_name')) AS open_here, \
        (SELECT count(DISTINCT coalesce(client_addr::text, '')) FROM pg_stat_activity \
            WHERE datname = current_database() AND application_name LIKE 'chatty-%') \
            AS replicas, \
        clock_timestamp() AS clock";
    Server::find_by_statement(Statement::from_string(DatabaseBackend::Postgres, sql)).one(connection).await
}
