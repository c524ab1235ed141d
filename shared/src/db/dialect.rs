//! The few statements that cannot be the same on both databases, side by side.

use std::time::Duration;

use sea_orm::sea_query::{DynIden, Expr, ExprTrait, SimpleExpr};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, Statement};

use super::{Reads, Statements};
use crate::clock::Timestamp;
use crate::events::outbox;

/// The lock under which schemas are migrated, and the one that the sweeping replica of a service holds.
const MIGRATION_LOCK: i64 = 0x6368_6174_7479_0001;
const SWEEPER_LOCK: i64 = 0x6368_6174_7479_0002;

/// Whether the connection is to Postgres.
pub fn is_postgres(connection: &impl ConnectionTrait) -> bool {
    connection.get_database_backend() == DatabaseBackend::Postgres
}

/// Waits for the migration lock; it ends with the transaction. Postgres only: SQLite has one writer.
pub(super) async fn lock_migrations(tx: &DatabaseTransaction) -> Result<(), DbErr> {
    tx.execute_raw(Statement::from_string(DatabaseBackend::Postgres, "SET LOCAL statement_timeout = '60s'")).await?;
    let sql = Statement::from_sql_and_values(
        DatabaseBackend::Postgres,
        "SELECT pg_advisory_xact_lock($1)",
        [MIGRATION_LOCK.into()],
    );
    tx.query_one_raw(sql).await.map(|_| ())
}

/// Whether this replica may sweep the outbox. The lock lives as long as the relay's only connection.
///
/// # Errors
/// When the database is not there.
pub async fn try_sweeper_lock(relay: &impl ConnectionTrait) -> Result<bool, DbErr> {
    if !is_postgres(relay) {
        return Ok(true);
    }
    // Taking it twice in one session would only count up, so ask first whether it is ours.
    let sql = Statement::from_sql_and_values(
        DatabaseBackend::Postgres,
        "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted \
         AND classid = ($1::bigint >> 32)::int::oid AND objid = ($1::bigint & 4294967295)::oid) \
         OR pg_try_advisory_lock($1) AS held",
        [SWEEPER_LOCK.into()],
    );
    let row = relay.query_one_raw(sql).await?;
    row.map_or(Ok(false), |row| row.try_get("", "held"))
}

/// Locks names until the transaction ends, without waiting, and answers which of them others hold. On SQLite all are
/// free: the transaction is the only writer.
///
/// # Errors
/// When the database is not there.
pub async fn not_locked_until_commit<'a>(tx: &Statements, names: &[&'a [u8]]) -> Result<Vec<&'a [u8]>, DbErr> {
    if !is_postgres(tx) {
        return Ok(Vec::new());
    }
    // 64 bits of a hash: two names share a lock so rarely that waiting for the other is harmless.
    let number = |name: &[u8]| {
        let mut bits = [0; 8];
        bits.iter_mut().zip(name).for_each(|(bit, byte)| *bit = *byte);
        i64::from_be_bytes(bits)
    };
    let numbers: Vec<String> = names.iter().map(|name| number(name).to_string()).collect();
    let sql = Statement::from_sql_and_values(
        DatabaseBackend::Postgres,
        "SELECT pg_try_advisory_xact_lock(number::bigint) AS held \
         FROM regexp_split_to_table($1, ',') WITH ORDINALITY AS numbers (number, place) ORDER BY place",
        [numbers.join(",").into()],
    );
    let rows = tx.query_all_raw(sql).await?;
    let held: Vec<bool> = rows.iter().map(|row| row.try_get("", "held")).collect::<Result<_, _>>()?;
    Ok(names.iter().zip(held).filter(|(_, held)| !held).map(|(name, _)| *name).collect())
}

/// The condition that an outbox row is older than `age`: by the database's clock on Postgres, by ours on SQLite.
pub fn outbox_older_than(connection: &impl ConnectionTrait, now: Timestamp, age: Duration) -> SimpleExpr {
    let created = outbox::Column::CreatedAt;
    if is_postgres(connection) {
        created.into_expr().lt(Expr::cust(format!("now() - interval '{} seconds'", age.as_secs())))
    } else {
        created.lt(now - age)
    }
}

/// Lets the statements of a transaction take as long as they need: of an operator's, or one that reads a whole table. SQLite
/// knows no limit.
///
/// # Errors
/// When the database is not there.
pub async fn lift_time_limit(tx: &impl ConnectionTrait) -> Result<(), DbErr> {
    if is_postgres(tx) {
        tx.execute_raw(Statement::from_string(DatabaseBackend::Postgres, "SET LOCAL statement_timeout = 0")).await?;
    }
    Ok(())
}

/// Moves the sequence of an id `step` behind the highest one that is `known` or was given out. Answers where it stands.
///
/// # Errors
/// What the database says.
pub async fn move_sequence(
    tx: &Statements,
    table: &DynIden,
    column: &DynIden,
    known: i64,
    step: i64,
) -> Result<i64, DbErr> {
    let (table, column) = (table.to_string(), column.to_string());
    if is_postgres(tx) {
        let sql = Statement::from_sql_and_values(
            DatabaseBackend::Postgres,
            "SELECT setval(name, GREATEST(COALESCE(pg_sequence_last_value(name), 0), $3) + $4) AS used \
             FROM (SELECT pg_get_serial_sequence($1, $2)::regclass AS name) AS sequence",
            [table.into(), column.into(), known.into(), step.into()],
        );
        let row = tx.query_one_raw(sql).await?;
        return row.map_or(Ok(0), |row| row.try_get("", "used"));
    }
    // A table has its row only once it had a row of its own.
    let insert = "INSERT INTO sqlite_sequence (name, seq) SELECT $1, 0 \
                  WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = $1)";
    let sqlite = DatabaseBackend::Sqlite;
    tx.execute_raw(Statement::from_sql_and_values(sqlite, insert, [table.clone().into()])).await?;
    let update = "UPDATE sqlite_sequence SET seq = MAX(seq, $2) + $3 WHERE name = $1 RETURNING seq AS used";
    let sql = Statement::from_sql_and_values(sqlite, update, [table.into(), known.into(), step.into()]);
    tx.query_one_raw(sql).await?.map_or(Ok(0), |row| row.try_get("", "used"))
}

/// Which other programs of the suite are connected to this database. SQLite does not know.
///
/// # Errors
/// When the database is not there.
pub async fn other_programs(connection: &Reads) -> Result<Vec<String>, DbErr> {
    if !is_postgres(connection) {
        return Ok(Vec::new());
    }
    let sql = Statement::from_string(
        DatabaseBackend::Postgres,
        "SELECT DISTINCT application_name AS name FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name LIKE 'chatty-%'",
    );
    connection.query_all_raw(sql).await?.iter().map(|row| row.try_get("", "name")).collect()
}
