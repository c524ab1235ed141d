//! Database errors by class: which constraint, the data's fault or the server's, and what the connection is worth afterwards.

use std::fmt;
use std::io;
use std::sync::Arc;

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

/// Why a service takes no writes just now, although its database could be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The disk has no room.
    DiskFull,
    /// The disk did not keep what it was given, and the file has not been examined since.
    Unexamined,
    /// The file is damaged: SQLite's own words.
    Damaged(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DiskFull => f.write_str("the disk is full"),
            Self::Unexamined => f.write_str("the disk failed, and the database is being examined"),
            Self::Damaged(found) => write!(
                f,
                "the database file is damaged ({found}); nothing more is written to it: stop the suite and put a backup back with `chatty restore`"
            ),
        }
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for DbErr {
    /// Travels as the I/O error that it stands for, so that it passes wherever a database error does.
    fn from(refusal: Refusal) -> Self {
        Self::Conn(RuntimeErr::SqlxError(Arc::new(sqlx::Error::Io(io::Error::other(refusal)))))
    }
}

/// A database error, by what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The service itself refused to write.
    Refused(Refusal),
    /// The disk has no room.
    DiskFull,
    /// The database can be read, but takes no writes: an I/O error, files or sessions that are read-only.
    ReadOnly,
    /// The database file is damaged.
    Damaged,
    /// Something that passes: no connection, a full pool, a lock, a time-out, a schema that is being repaired.
    Passing,
    /// The data itself is at fault (SQLSTATE 22 and 23, or a value that does not convert): a retry cannot help.
    Data,
    /// Anything else, which is a fault of the program.
    Other,
}

impl Failure {
    /// The class of an error.
    pub fn of(error: &DbErr) -> Self {
        if let Some(refusal) = refusal(error) {
            return Self::Refused(refusal.clone());
        }
        if let Some(cause) = database_error(error) {
            let code = cause.code().unwrap_or_default();
            let class = if code.len() == 5 { of_postgres(&code) } else { of_sqlite(&code, cause.message()) };
            if let Some(class) = class {
                return class;
            }
        }
        if error.sql_err().is_some() || matches!(error, DbErr::Type(_) | DbErr::Json(_) | DbErr::TryIntoErr { .. }) {
            return Self::Data;
        }
        match sqlx_error(error) {
            Some(sqlx::Error::Io(cause)) if cause.kind() == io::ErrorKind::StorageFull => Self::DiskFull,
            Some(
                sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::Protocol(_)
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::BeginFailed
                | sqlx::Error::InvalidSavePointStatement
                | sqlx::Error::Tls(_),
            ) => Self::Passing,
            _ if matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) => Self::Passing,
            _ => Self::Other,
        }
    }
}

/// SQLSTATEs, by <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn of_postgres(state: &str) -> Option<Failure> {
    Some(match state {
        "53100" => Failure::DiskFull,
        // A read-only session; an I/O error of the server.
        "25006" | "58030" => Failure::ReadOnly,
        "XX001" | "XX002" => Failure::Damaged,
        // The server ended a transaction or a session that was idle or took too long.
        "25P03" | "25P04" | "57P05" => Failure::Passing,
        // Serialization, deadlock, a lock that was not to be had.
        "40001" | "40P01" | "55P03" => Failure::Passing,
        // What this session knows of the schema or has prepared is out of date; a new session knows better.
        "0A000" | "26000" => Failure::Passing,
        // The table, schema or database is not there: it is being made again.
        "42P01" | "3F000" | "3D000" => Failure::Passing,
        // The commands of one transaction crossed with those of another.
        "25001" | "25P01" | "25P02" => Failure::Passing,
        "21000" => Failure::Data,
        _ => match state.get(..2)? {
            "08" | "53" | "57" | "58" => Failure::Passing,
            "22" | "23" => Failure::Data,
            _ => return None,
        },
    })
}

/// Result codes, by <https://www.sqlite.org/rescode.html>. An extended code has its primary code in the low byte.
fn of_sqlite(code: &str, message: &str) -> Option<Failure> {
    const IOERR_CORRUPTFS: i32 = 10 | (33 << 8);
    let code: i32 = code.parse().ok()?;
    Some(match code & 0xff {
        _ if code == IOERR_CORRUPTFS => Failure::Damaged,
        13 => Failure::DiskFull,
        // No permission, an I/O error, read-only, a file that cannot be opened.
        3 | 8 | 10 | 14 => Failure::ReadOnly,
        11 | 26 => Failure::Damaged,
        // Busy, locked, out of memory, interrupted, a lock of the log that was not to be had.
        5 | 6 | 7 | 9 | 15 => Failure::Passing,
        1 if message.starts_with("no such table") => Failure::Passing,
        _ => return None,
    })
}

/// Answers whether a table or the whole database is not there: somebody dropped it, and it is about to be made again.
pub fn is_schema_missing(error: &DbErr) -> bool {
    database_error(error).is_some_and(|cause| {
        let code = cause.code().unwrap_or_default();
        ["42P01", "3F000", "3D000"].contains(&&*code) || cause.message().starts_with("no such table")
    })
}

fn refusal(error: &DbErr) -> Option<&Refusal> {
    match sqlx_error(error)? {
        sqlx::Error::Io(cause) => cause.get_ref()?.downcast_ref(),
        _ => None,
    }
}

pub(super) fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

pub(super) fn database_error(error: &DbErr) -> Option<&dyn sqlx::error::DatabaseError> {
    sqlx_error(error)?.as_database_error()
}

/// Whether the fate of a commit that ended so is not known: the connection broke, or SQLite's log may have it already
/// although the disk did not confirm it.
pub(super) fn leaves_commit_open(error: &DbErr) -> bool {
    match sqlx_error(error) {
        Some(sqlx::Error::Database(cause)) => {
            let code = cause.code().unwrap_or_default();
            if code.len() == 5 {
                return code.starts_with("57P") || code.starts_with("08");
            }
            code.parse::<i32>().is_ok_and(|code| code & 0xff == 10)
        }
        Some(_) => true,
        None => false,
    }
}

/// Whether a connection whose statement failed like this is as it was: an error that the database expects of a program,
/// after which the transaction only waits for its rollback. Of a commit it is never known.
pub(super) fn leaves_connection_sound(error: &DbErr) -> bool {
    match sqlx_error(error) {
        Some(sqlx::Error::Database(cause)) => {
            let code = cause.code().unwrap_or_default();
            if code.len() == 5 {
                return ["21", "22", "23", "40", "42", "53", "P0"].iter().any(|class| code.starts_with(class))
                    || ["55P03", "57014"].contains(&code.as_ref());
            }
            // An error of SQL, a value that is too large, a constraint, a value of the wrong type.
            code.parse::<i32>().is_ok_and(|code| [1, 18, 19, 20].contains(&(code & 0xff)))
        }
        Some(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => true,
        Some(sqlx::Error::Io(cause)) => {
            cause.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Refusal>)
        }
        Some(_) => false,
        None => true,
    }
}

/// Whether an fsync of SQLite failed: what the system has in memory may then differ from the disk, and be believed.
pub(super) fn is_failed_sync(error: &DbErr) -> bool {
    const IOERR_FSYNC: &str = "1034";
    const IOERR_DIR_FSYNC: &str = "1290";
    database_error(error)
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code == IOERR_FSYNC || code == IOERR_DIR_FSYNC)
}

/// Whether the same statement may succeed later.
pub fn is_transient(error: &DbErr) -> bool {
    !matches!(Failure::of(error), Failure::Data | Failure::Other)
}

/// Whether the data itself is at fault, so that a retry cannot help.
pub fn is_permanent(error: &DbErr) -> bool {
    Failure::of(error) == Failure::Data
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates_have_their_class() {
        for (state, class) in [
            ("53100", Failure::DiskFull),
            ("25006", Failure::ReadOnly),
            ("25P03", Failure::Passing),
            ("57014", Failure::Passing),
            ("55P03", Failure::Passing),
            ("40001", Failure::Passing),
            ("08006", Failure::Passing),
            ("0A000", Failure::Passing),
            ("22001", Failure::Data),
            ("23505", Failure::Data),
            ("XX001", Failure::Damaged),
        ] {
            assert_eq!(of_postgres(state), Some(class), "{state}");
        }
        assert_eq!(of_postgres("42601"), None);
    }

    #[test]
    fn result_codes_have_their_class() {
        let of = |code: i32| of_sqlite(&code.to_string(), "");
        for (code, class) in [
            (13, Failure::DiskFull),
            (778, Failure::ReadOnly),
            (1034, Failure::ReadOnly),
            (8, Failure::ReadOnly),
            (14, Failure::ReadOnly),
            (5, Failure::Passing),
            (517, Failure::Passing),
            (11, Failure::Damaged),
            (26, Failure::Damaged),
            (8458, Failure::Damaged),
        ] {
            assert_eq!(of(code), Some(class), "{code}");
        }
        assert_eq!(of(2067), None);
        assert_eq!(of_sqlite("1", "no such table: posts"), Some(Failure::Passing));
    }

    #[test]
    fn a_refusal_is_told_from_a_database_error() {
        let error = DbErr::from(Refusal::DiskFull);
        assert_eq!(Failure::of(&error), Failure::Refused(Refusal::DiskFull));
        assert!(is_transient(&error) && leaves_connection_sound(&error));
    }
}
