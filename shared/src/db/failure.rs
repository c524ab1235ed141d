//! Classes of database errors: what an error means for the request, for the connection, and for a retry.
//!
//! Three questions are answered from the same error codes: what can be done about the error ([`Failure`]), whether the
//! connection is sound afterwards, and whether a failed commit may nevertheless have been stored (ADR 13). Postgres and
//! SQLite report the same event with different codes, and no other file should have to know them. A code with five
//! characters is a SQLSTATE (<https://www.postgresql.org/docs/current/errcodes-appendix.html>), any other one is a
//! result code of SQLite (<https://www.sqlite.org/rescode.html>).

use std::fmt;
use std::io;
use std::sync::Arc;

use sea_orm::sqlx;
use sea_orm::{DbErr, RuntimeErr, SqlErr};

use crate::error::ApiError;

/// Maps the violation of the unique constraint `name` to `mapped`, and any other error to its usual conversion.
///
/// The constraint decides instead of a query before the insert, because such a query misses a concurrent insert (rule
/// R13 in docs/convergence.md). Postgres names the constraint and SQLite its columns, so `name` must be
/// `uq_TABLE_COLUMN`, which SQLite reports as `TABLE.COLUMN`.
pub fn on_constraint<E: From<DbErr>>(error: DbErr, name: &str, mapped: E) -> E {
    if let Some(SqlErr::UniqueConstraintViolation(message)) = error.sql_err() {
        let columns = name.trim_start_matches("uq_");
        if message.contains(name) || message.replace('.', "_").contains(columns) {
            return mapped;
        }
    }
    error.into()
}

/// The reason why a service refuses a write before it asks the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The disk has no room.
    DiskFull,
    /// The disk failed to store pages, and the file has not been examined since.
    Unexamined,
    /// The file is damaged. The text is SQLite's description of the damage.
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
    /// Wraps the refusal in an I/O error, so that it travels wherever a database error does. [`Failure::of`] unwraps
    /// it.
    fn from(refusal: Refusal) -> Self {
        Self::Conn(RuntimeErr::SqlxError(Arc::new(sqlx::Error::Io(io::Error::other(refusal)))))
    }
}

/// The class of a database error, by what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The service itself refused the write, without asking the database.
    Refused(Refusal),
    /// The disk has no room.
    DiskFull,
    /// The database can be read but refuses writes: an I/O error, or a file or session that is read-only.
    ReadOnly,
    /// The database file is damaged.
    Damaged,
    /// A temporary condition: no connection, an exhausted pool, a lock, a time-out, or a schema that is being repaired.
    Temporary,
    /// The data is at fault (SQLSTATE classes 22 and 23, or a value that does not convert), so a retry cannot help.
    Data,
    /// Any other error, which is a fault of the program.
    Other,
}

impl Failure {
    /// Classifies an error.
    pub fn of(error: &DbErr) -> Self {
        if let Some(refusal) = refusal(error) {
            return Self::Refused(refusal.clone());
        }
        if let Some(cause) = database_error(error) {
            let code = cause.code().unwrap_or_default();
            let class = if code.len() == 5 { of_sqlstate(&code) } else { of_result_code(&code, cause.message()) };
            if let Some(class) = class {
                return class;
            }
        }
        // SQLite's codes for violated constraints are not classified above; sea-orm's `sql_err` recognises them on both
        // databases.
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
            ) => Self::Temporary,
            _ if matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_)) => Self::Temporary,
            _ => Self::Other,
        }
    }
}

/// Classifies a SQLSTATE of Postgres. `None` if the code alone does not decide.
fn of_sqlstate(state: &str) -> Option<Failure> {
    Some(match state {
        "53100" => Failure::DiskFull,
        // read_only_sql_transaction: the session or the host is read-only. io_error: the server's disk failed.
        "25006" | "58030" => Failure::ReadOnly,
        // data_corrupted, index_corrupted.
        "XX001" | "XX002" => Failure::Damaged,
        // Time-outs by which the server ended an idle transaction, a long transaction or an idle session.
        "25P03" | "25P04" | "57P05" => Failure::Temporary,
        // serialization_failure, deadlock_detected, lock_not_available.
        "40001" | "40P01" | "55P03" => Failure::Temporary,
        // The prepared statements of this session are out of date, because a table was altered ("cached plan must not
        // change result type") or the statement is gone. The session is closed, and a new one prepares them again.
        "0A000" | "26000" => Failure::Temporary,
        // A table, schema or database is missing: it was dropped, and the service creates it again (ADR 14).
        "42P01" | "3F000" | "3D000" => Failure::Temporary,
        // The session was not in the transaction state that the program expected, so it is in doubt and is closed.
        "25001" | "25P01" | "25P02" => Failure::Temporary,
        // cardinality_violation: an upsert was given the same key twice.
        "21000" => Failure::Data,
        _ => match state.get(..2)? {
            // Connection exceptions, insufficient resources, operator intervention, system errors.
            "08" | "53" | "57" | "58" => Failure::Temporary,
            // Data exceptions, integrity constraint violations.
            "22" | "23" => Failure::Data,
            _ => return None,
        },
    })
}

/// Classifies a result code of SQLite. An extended code has its primary code in the low byte. `None` if code and
/// message do not decide.
fn of_result_code(code: &str, message: &str) -> Option<Failure> {
    // The one extended code of IOERR that reports damage, found by the file system.
    const IOERR_CORRUPTFS: i32 = 10 | (33 << 8);
    let code: i32 = code.parse().ok()?;
    Some(match code & 0xff {
        _ if code == IOERR_CORRUPTFS => Failure::Damaged,
        // FULL.
        13 => Failure::DiskFull,
        // PERM, READONLY, IOERR, CANTOPEN.
        3 | 8 | 10 | 14 => Failure::ReadOnly,
        // CORRUPT, NOTADB.
        11 | 26 => Failure::Damaged,
        // BUSY, LOCKED, NOMEM, INTERRUPT, and PROTOCOL, which is a lock on the write-ahead log that was not granted.
        5 | 6 | 7 | 9 | 15 => Failure::Temporary,
        // ERROR covers all mistakes in SQL. A missing table is none: the service creates it again (ADR 14).
        1 if message.starts_with("no such table") => Failure::Temporary,
        _ => return None,
    })
}

/// Returns true if a table, its schema or the whole database is missing. It was dropped while the service ran, and the
/// service creates it again (ADR 14).
pub fn is_schema_missing(error: &DbErr) -> bool {
    database_error(error).is_some_and(|cause| {
        let code = cause.code().unwrap_or_default();
        ["42P01", "3F000", "3D000"].contains(&&*code) || cause.message().starts_with("no such table")
    })
}

/// Returns the refusal that an error wraps; `None` if the service itself did not refuse the write.
fn refusal(error: &DbErr) -> Option<&Refusal> {
    match sqlx_error(error)? {
        sqlx::Error::Io(cause) => cause.get_ref()?.downcast_ref(),
        _ => None,
    }
}

/// Returns the error of sqlx inside an error of sea-orm; `None` if sea-orm itself failed.
fn sqlx_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => Some(error),
        _ => None,
    }
}

/// Returns the error that the database reported, with its code; `None` if it reported none, for example without a
/// connection.
fn database_error(error: &DbErr) -> Option<&dyn sqlx::error::DatabaseError> {
    sqlx_error(error)?.as_database_error()
}

/// Returns true if a commit that failed with this error may have been stored: the connection was lost before the
/// answer, or SQLite's write-ahead log may contain the commit although the disk did not confirm it.
pub(super) fn leaves_outcome_unknown(error: &DbErr) -> bool {
    match sqlx_error(error) {
        Some(sqlx::Error::Database(cause)) => {
            let code = cause.code().unwrap_or_default();
            if code.len() == 5 {
                // The server was shut down or crashed, or the connection failed. All other codes refuse the commit.
                return code.starts_with("57P") || code.starts_with("08");
            }
            // IOERR: frames of the commit may be in the write-ahead log, where the next opener of the file would find
            // them.
            code.parse::<i32>().is_ok_and(|code| code & 0xff == 10)
        }
        // No answer of the database arrived.
        Some(_) => true,
        // sea-orm itself failed, without an error of the connection.
        None => false,
    }
}

/// Returns true if a connection is sound after a statement that failed with this error: a database expects such errors
/// of programs, and the transaction then only waits for its rollback. After a failed commit or rollback the caller
/// distrusts the connection whatever the error is (ADR 13).
pub(super) fn leaves_connection_sound(error: &DbErr) -> bool {
    match sqlx_error(error) {
        Some(sqlx::Error::Database(cause)) => {
            let code = cause.code().unwrap_or_default();
            if code.len() == 5 {
                // Cardinality, data and integrity violations, rollbacks of the server, SQL mistakes, insufficient
                // resources and errors of PL/pgSQL; a lock that is not available; a cancelled query.
                return ["21", "22", "23", "40", "42", "53", "P0"].iter().any(|class| code.starts_with(class))
                    || ["55P03", "57014"].contains(&code.as_ref());
            }
            // ERROR, TOOBIG, CONSTRAINT, MISMATCH.
            code.parse::<i32>().is_ok_and(|code| [1, 18, 19, 20].contains(&(code & 0xff)))
        }
        // No connection was involved.
        Some(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => true,
        Some(sqlx::Error::Io(cause)) => {
            cause.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Refusal>)
        }
        Some(_) => false,
        None => true,
    }
}

/// Returns true if an fsync of SQLite failed. The pages in the system's memory may then differ from the disk, and later
/// reads would return them as if they were stored.
pub(super) fn is_fsync_failure(error: &DbErr) -> bool {
    const IOERR_FSYNC: &str = "1034";
    const IOERR_DIR_FSYNC: &str = "1290";
    database_error(error)
        .and_then(sqlx::error::DatabaseError::code)
        .is_some_and(|code| code == IOERR_FSYNC || code == IOERR_DIR_FSYNC)
}

/// Returns true if the same statement may succeed later.
pub fn is_transient(error: &DbErr) -> bool {
    !matches!(Failure::of(error), Failure::Data | Failure::Other)
}

/// Returns true if the data is at fault, so that a retry cannot help.
pub fn is_permanent(error: &DbErr) -> bool {
    Failure::of(error) == Failure::Data
}

/// The SQLSTATEs of refusals that remain as long as the URL and the server's roles stay the same (ADR 20): a wrong
/// password (28P01), a role that does not exist or may not log in (28000), a database that does not exist (3D000), and
/// a role without rights on it (42501).
const PERMANENT_REFUSALS: [&str; 4] = ["28P01", "28000", "3D000", "42501"];

/// Returns the reason why the database will refuse this process however long it waits, in the words of the server or,
/// if the URL is at fault, of sqlx. `None` if another attempt may succeed. A start that gets a reason ends; a running
/// service goes on trying (ADR 20).
pub fn permanent_refusal(error: &DbErr) -> Option<String> {
    let answer = database_error(error);
    let by_server = answer.and_then(|answer| answer.code()).is_some_and(|state| PERMANENT_REFUSALS.contains(&&*state));
    // The URL asks for something that this program cannot do.
    let by_client = matches!(sqlx_error(error), Some(sqlx::Error::Tls(_) | sqlx::Error::Configuration(_)));
    (by_server || by_client).then(|| answer.map_or_else(|| error.to_string(), |answer| answer.message().to_owned()))
}

impl From<DbErr> for ApiError {
    /// Becomes a 503 if the request may be repeated, with a code that tells the operator the cause, and a 500
    /// otherwise.
    fn from(error: DbErr) -> Self {
        let (code, text) = match Failure::of(&error) {
            Failure::Refused(Refusal::DiskFull) | Failure::DiskFull => {
                ("disk_full", "The disk is full, nothing was stored")
            }
            Failure::Refused(Refusal::Damaged(_)) | Failure::Damaged => {
                ("database_damaged", "The database is damaged, nothing was stored; the operator has to restore it")
            }
            Failure::Refused(Refusal::Unexamined) | Failure::ReadOnly | Failure::Temporary => {
                ("database_unavailable", "The database is not available, nothing was stored")
            }
            // A violation that a client can cause has been mapped by `on_constraint`, so this one is a fault of the
            // program.
            Failure::Data | Failure::Other => return Self::internal(error),
        };
        Self::unavailable(code, text).caused_by(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates_have_their_class() {
        for (state, class) in [
            ("53100", Failure::DiskFull),
            ("25006", Failure::ReadOnly),
            ("25P03", Failure::Temporary),
            ("57014", Failure::Temporary),
            ("55P03", Failure::Temporary),
            ("40001", Failure::Temporary),
            ("08006", Failure::Temporary),
            ("0A000", Failure::Temporary),
            ("22001", Failure::Data),
            ("23505", Failure::Data),
            ("XX001", Failure::Damaged),
        ] {
            assert_eq!(of_sqlstate(state), Some(class), "{state}");
        }
        assert_eq!(of_sqlstate("42601"), None);
    }

    #[test]
    fn result_codes_have_their_class() {
        let of = |code: i32| of_result_code(&code.to_string(), "");
        for (code, class) in [
            (13, Failure::DiskFull),
            (778, Failure::ReadOnly),
            (1034, Failure::ReadOnly),
            (8, Failure::ReadOnly),
            (14, Failure::ReadOnly),
            (5, Failure::Temporary),
            (517, Failure::Temporary),
            (11, Failure::Damaged),
            (26, Failure::Damaged),
            (8458, Failure::Damaged),
        ] {
            assert_eq!(of(code), Some(class), "{code}");
        }
        assert_eq!(of(2067), None);
        assert_eq!(of_result_code("1", "no such table: posts"), Some(Failure::Temporary));
    }

    #[test]
    fn a_refusal_is_told_from_a_database_error() {
        let error = DbErr::from(Refusal::DiskFull);
        assert_eq!(Failure::of(&error), Failure::Refused(Refusal::DiskFull));
        assert!(is_transient(&error) && leaves_connection_sound(&error));
    }
}
