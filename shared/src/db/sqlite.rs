//! Operations on whole SQLite files: consistent copies and integrity checks.
//!
//! Backups, restores and the watch over the disk use these operations. Each operation opens its own connection, apart
//! from the pools, because it may concern a file that no service has open, or must not trust what the pools have in
//! memory.

use std::path::Path;
use std::time::Duration;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, DbErr, Statement};

/// Copies a database that may be in use. The copy is the state of one moment, without a write-ahead log
/// (<https://www.sqlite.org/lang_vacuum.html>, VACUUM INTO).
///
/// # Errors
/// When the file cannot be read, or the target exists already, cannot be written, or has a path that is not UTF-8.
pub async fn copy(file: &Path, target: &Path) -> Result<(), DbErr> {
    let connection = open(file).await?;
    let target =
        target.to_str().ok_or_else(|| DbErr::Custom(format!("{} is not a path in UTF-8", target.display())))?;
    let sql = Statement::from_sql_and_values(DatabaseBackend::Sqlite, "VACUUM INTO $1", [target.into()]);
    let result = connection.execute_raw(sql).await.map(|_| ());
    connection.close().await?;
    result
}

/// Checks a file with `PRAGMA integrity_check`, and returns the errors that SQLite found; empty if the file is sound.
///
/// # Errors
/// When the file is no database or cannot be read.
pub async fn integrity_errors(file: &Path) -> Result<Vec<String>, DbErr> {
    check(file, "integrity_check").await
}

/// Checks a file with `PRAGMA quick_check`, which does not compare indexes with their tables and takes a fraction of
/// the time. Returns the errors that SQLite found; empty if the file is sound.
///
/// # Errors
/// When the file is no database or cannot be read.
pub async fn quick_integrity_errors(file: &Path) -> Result<Vec<String>, DbErr> {
    check(file, "quick_check").await
}

/// Runs one of the pragmas that check a file. For a sound file, these pragmas return the single row `ok`.
async fn check(file: &Path, pragma: &str) -> Result<Vec<String>, DbErr> {
    let connection = open(file).await?;
    let sql = Statement::from_string(DatabaseBackend::Sqlite, format!("PRAGMA {pragma}"));
    // The connection is closed before the result is looked at, so that an error does not leave the file open.
    let rows = connection.query_all_raw(sql).await;
    connection.close().await?;
    let lines: Result<Vec<String>, DbErr> = rows?.iter().map(|row| row.try_get("", pragma)).collect();
    Ok(lines?.into_iter().filter(|line| line != "ok").collect())
}

/// Opens a file read-only, so that a missing file is an error instead of a new, empty database.
async fn open(file: &Path) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=ro", file.display()));
    options
        .max_connections(1)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|options| options.busy_timeout(Duration::from_secs(5)));
    Database::connect(options).await
}
