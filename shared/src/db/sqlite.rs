//! Copies of SQLite files.

use std::path::Path;
use std::time::Duration;

use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseBackend, DatabaseConnection, DbErr, Statement};

/// Copies a database while it may be in use: the copy is the state of one moment.
///
/// # Errors
/// When the file cannot be read, or the copy exists or cannot be written.
pub async fn copy(file: &Path, copy: &Path) -> Result<(), DbErr> {
    let connection = open(file).await?;
    let copy = copy.to_str().ok_or_else(|| DbErr::Custom(format!("{} is not a path in UTF-8", copy.display())))?;
    let sql = Statement::from_sql_and_values(DatabaseBackend::Sqlite, "VACUUM INTO $1", [copy.into()]);
    let copied = connection.execute_raw(sql).await.map(|_| ());
    connection.close().await?;
    copied
}

/// What SQLite finds wrong in a file; empty when all is well.
///
/// # Errors
/// When the file is no database.
pub async fn complaints(file: &Path) -> Result<Vec<String>, DbErr> {
    check(file, "integrity_check").await
}

/// The same without comparing indexes with their tables, which takes a fraction of the time.
///
/// # Errors
/// When the file is no database.
pub async fn quick_complaints(file: &Path) -> Result<Vec<String>, DbErr> {
    check(file, "quick_check").await
}

async fn check(file: &Path, pragma: &str) -> Result<Vec<String>, DbErr> {
    let connection = open(file).await?;
    let sql = Statement::from_string(DatabaseBackend::Sqlite, format!("PRAGMA {pragma}"));
    let rows = connection.query_all_raw(sql).await;
    connection.close().await?;
    let lines: Result<Vec<String>, DbErr> = rows?.iter().map(|row| row.try_get("", pragma)).collect();
    Ok(lines?.into_iter().filter(|line| line != "ok").collect())
}

async fn open(file: &Path) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=ro", file.display()));
    options
        .max_connections(1)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(|options| options.busy_timeout(Duration::from_secs(5)));
    Database::connect(options).await
}
