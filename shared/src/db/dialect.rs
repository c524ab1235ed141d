//! The few statements that differ between Postgres and SQLite, with both forms side by side.
//!
//! All other SQL is built by sea-orm and is the same for both databases. The differences are mostly about locks:
//! Postgres has many writers and needs advisory locks
//! (<https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS>), whereas SQLite has one writer at a
//! time and its file belongs to one process (ADR 21).

use sea_orm::sea_query::DynIden;
use sea_orm::{ConnectionTrait, DatabaseBackend, DatabaseTransaction, DbErr, Statement};

/// The key of the advisory lock under which a schema is migrated: "chatty" in ASCII and a number.
const MIGRATION_LOCK: i64 = 0x6368_6174_7479_0001;
/// The key of the advisory lock that is held by the one replica of a service that sweeps the outbox.
const SWEEPER_LOCK: i64 = 0x6368_6174_7479_0002;

/// Returns true if the connection is to Postgres, false if it is to SQLite.
pub fn is_postgres(connection: &impl ConnectionTrait) -> bool {
    connection.get_database_backend() == DatabaseBackend::Postgres
}

/// Waits for the migration lock, which the transaction holds until its end. Postgres only: on SQLite no other process
/// has the file.
pub(super) async fn lock_migrations(tx: &DatabaseTransaction) -> Result<(), DbErr> {
    let sql = Statement::from_sql_and_values(
        DatabaseBackend::Postgres,
        "SELECT pg_advisory_xact_lock($1)",
        [MIGRATION_LOCK.into()],
    );
    tx.query_one_raw(sql).await.map(|_| ())
}

/// Takes the sweeper lock without waiting, and returns true if this replica holds it now and so may sweep the outbox.
///
/// The lock belongs to the session, so it lasts as long as the relay's only connection. On SQLite the result is always
/// true, because there is one replica.
///
/// # Errors
/// When the database cannot be reached.
pub async fn try_sweeper_lock(relay: &impl ConnectionTrait) -> Result<bool, DbErr> {
    if !is_postgres(relay) {
        return Ok(true);
    }
    // Advisory locks of a session stack: taking one again would succeed and count up for ever. So the statement first
    // asks whether this session holds the lock. `pg_locks` shows a 64-bit key as its two halves, `classid` and `objid`
    // (<https://www.postgresql.org/docs/current/view-pg-locks.html>).
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

/// Locks names until the transaction ends, without waiting, and returns those that other transactions have locked.
///
/// A name is a hash of at least 8 bytes. On SQLite all names are free, because the transaction is the only writer.
///
/// # Errors
/// When the database cannot be reached.
pub async fn try_lock_until_commit<'a>(tx: &impl ConnectionTrait, names: &[&'a [u8]]) -> Result<Vec<&'a [u8]>, DbErr> {
    if !is_postgres(tx) {
        return Ok(Vec::new());
    }
    // A lock's key has 64 bits, so it is the beginning of the hash. Two names with the same key are so rare that it
    // does no harm if one of them is taken for locked.
    let lock_key = |name: &[u8]| {
        let mut first_bytes = [0; 8];
        first_bytes.iter_mut().zip(name).for_each(|(target, byte)| *target = *byte);
        i64::from_be_bytes(first_bytes)
    };
    let lock_keys: Vec<String> = names.iter().map(|name| lock_key(name).to_string()).collect();
    // One text parameter for any number of keys, so that one statement is prepared and one round trip is made.
    let sql = Statement::from_sql_and_values(
        DatabaseBackend::Postgres,
        "SELECT pg_try_advisory_xact_lock(number::bigint) AS held \
         FROM regexp_split_to_table($1, ',') WITH ORDINALITY AS numbers (number, place) ORDER BY place",
        [lock_keys.join(",").into()],
    );
    let rows = tx.query_all_raw(sql).await?;
    let held: Vec<bool> = rows.iter().map(|row| row.try_get("", "held")).collect::<Result<_, _>>()?;
    Ok(names.iter().zip(held).filter(|(_, held)| !held).map(|(name, _)| *name).collect())
}

/// Removes the time limit of 5 s from the statements of a transaction, for one that reads a whole table or belongs to
/// an operator's command. SQLite has no such limit.
///
/// # Errors
/// When the database cannot be reached.
pub async fn lift_time_limit(tx: &impl ConnectionTrait) -> Result<(), DbErr> {
    if is_postgres(tx) {
        tx.execute_raw(Statement::from_string(DatabaseBackend::Postgres, "SET LOCAL statement_timeout = 0")).await?;
    }
    Ok(())
}

/// Advances the sequence of an id column to `step` beyond its last value or `known`, whichever is higher, and returns
/// the new last value. A restore calls it, so that no id that was lost with the newest rows is assigned again (ADR 15).
///
/// # Errors
/// When the database refuses a statement or cannot be reached.
pub async fn move_sequence(
    tx: &impl ConnectionTrait,
    table: &DynIden,
    column: &DynIden,
    known: i64,
    step: i64,
) -> Result<i64, DbErr> {
    let (table, column) = (table.to_string(), column.to_string());
    if is_postgres(tx) {
        // `pg_sequence_last_value` is null for a sequence that was never used.
        let sql = Statement::from_sql_and_values(
            DatabaseBackend::Postgres,
            "SELECT setval(name, GREATEST(COALESCE(pg_sequence_last_value(name), 0), $3) + $4) AS used \
             FROM (SELECT pg_get_serial_sequence($1, $2)::regclass AS name) AS sequence",
            [table.into(), column.into(), known.into(), step.into()],
        );
        let row = tx.query_one_raw(sql).await?;
        return row.map_or(Ok(0), |row| row.try_get("", "used"));
    }
    // A table gets its row in `sqlite_sequence` with its first insert (<https://www.sqlite.org/autoinc.html>), so an
    // empty table may have none to update.
    let insert = "INSERT INTO sqlite_sequence (name, seq) SELECT $1, 0 \
                  WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = $1)";
    let sqlite = DatabaseBackend::Sqlite;
    tx.execute_raw(Statement::from_sql_and_values(sqlite, insert, [table.clone().into()])).await?;
    let update = "UPDATE sqlite_sequence SET seq = MAX(seq, $2) + $3 WHERE name = $1 RETURNING seq AS used";
    let sql = Statement::from_sql_and_values(sqlite, update, [table.into(), known.into(), step.into()]);
    tx.query_one_raw(sql).await?.map_or(Ok(0), |row| row.try_get("", "used"))
}

/// Lists the services that are connected to this database, by their `application_name` (`chatty-NAME`), so that an
/// operator's command can refuse to run beside them. Empty on SQLite, which does not know its connections.
///
/// # Errors
/// When the database cannot be reached.
pub async fn connected_services(connection: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
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
