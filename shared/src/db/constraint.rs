//! Database errors by class: which constraint, transient or permanent, connection lost or not.

use sea_orm::sqlx;
use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// Turns the violation of the unique constraint `name` into `mapped`; leaves other errors alone.
///
/// Postgres names the constraint, SQLite the columns: `name` is `uq_TABLE_COLUMN`, and SQLite says `TABLE.COLUMN`.
pub fn on_constraint<E: From<DbErr>>(error: DbErr, name: &str, mapped: E) -> E {
    if let Some(SqlErr::UniqueConstraintViolation(message)) = error.sql_err() {
        let spelled = name.trim_start_matches("uq_");
        if message.contains(name) || message.replace('.', "_").contains(spelled) {
            return mapped;
        }
    }
    error.into()
}

fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

fn sql_state(error: &DbErr) -> Option<String> {
    sqlx_error(error)?.as_database_error()?.code().map(|code| code.into_owned())
}

/// Whether the connection broke, so that the fate of what was under way is not known.
pub(super) fn connection_was_lost(error: &DbErr) -> bool {
    match sqlx_error(error) {
        Some(sqlx::Error::Database(_)) => {
            sql_state(error).is_some_and(|state| state.starts_with("57P") || state.starts_with("08"))
        }
        Some(_) => true,
        None => false,
    }
}

/// Whether the same statement may succeed later: no connection, a full pool, a deadlock, a time-out, a full disk, a host
/// that takes no writes (25006) because another one is primary.
pub fn is_transient(error: &DbErr) -> bool {
    if matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) {
        return true;
    }
    match sqlx_error(error) {
        Some(sqlx::Error::Database(cause)) => sql_state(error).is_some_and(|state| {
            let postgres = state.len() == 5
                && (["08", "53", "57"].iter().any(|class| state.starts_with(class))
                    || ["25006", "40001", "40P01", "55P03"].contains(&state.as_str()));
            // SQLite: 5 busy, 6 locked, 10 input/output, 13 full; extended codes carry the kind in the low byte.
            let sqlite = state.parse::<i32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13))
                && !cause.is_unique_violation()
                && state.len() < 5;
            postgres || sqlite
        }),
        Some(
            sqlx::Error::Io(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Tls(_),
        ) => true,
        _ => false,
    }
}

/// Whether the data itself is at fault (SQLSTATE 22 and 23, or a value that does not convert): a retry cannot help.
pub fn is_permanent(error: &DbErr) -> bool {
    sql_state(error).is_some_and(|state| state.starts_with("22") || state.starts_with("23") || state == "21000")
        || error.sql_err().is_some()
        || matches!(error, DbErr::Type(_) | DbErr::Json(_) | DbErr::TryIntoErr { .. })
}
