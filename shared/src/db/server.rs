//! What a Postgres server says of itself and of one database, for the operator.

use chrono::{DateTime, Utc};
use sea_orm::{DatabaseBackend, DbErr, FromQueryResult, Statement};

use super::{Reads, is_postgres};

/// A database and its server.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Server {
    /// What tells servers apart.
    pub identity: String,
    /// Connections that the server takes from everybody but superusers.
    pub max_connections: i64,
    /// Client connections that are open on the server.
    pub open: i64,
    /// Connections that this database and this role take; absent: as many as the server.
    pub limit: Option<i64>,
    /// Connections to the database that are open, those of this program not counted.
    pub open_here: i64,
    /// Addresses that the service is connected from.
    pub replicas: i64,
    /// The server's clock.
    pub clock: DateTime<Utc>,
}

/// Asks the server. `None`: this is SQLite.
///
/// # Errors
/// When the database is not there.
pub async fn server(connection: &Reads) -> Result<Option<Server>, DbErr> {
    if !is_postgres(connection) {
        return Ok(None);
    }
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
