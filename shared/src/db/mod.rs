//! Database access on SQLite and Postgres: connection pools, write transactions, classes of errors, bulk inserts and
//! versioned upserts.
//!
//! This module knows no events; [`crate::work`] adds events to transactions. The files stand in four groups.
//!
//! - Opening: `connect` opens the connection pools (`pools`) and `failover` keeps them on the current primary
//!   (`timeline`).
//! - Watching: every statement runs through `watched`, which reports failures to `trust` (may the connection be used
//!   again?) and to `write_health` (are writes stored now?). `file` notices that a SQLite file was replaced.
//! - Deciding: `failure` classifies errors, and `transaction` decides whether a commit has happened.
//! - Statements: `dialect`, `rows`, `schema`, `server` and `upsert`.

pub(crate) mod connect;
mod failover;
mod pools;
pub mod sqlite;
mod timeline;

mod file;
mod trust;
mod watched;
mod write_health;

mod failure;
mod transaction;

mod dialect;
mod rows;
mod schema;
mod server;
mod upsert;

pub use dialect::{
    connected_services, is_postgres, lift_time_limit, move_sequence, try_lock_until_commit, try_sweeper_lock,
};
pub use failure::{Failure, Refusal, is_permanent, is_schema_missing, is_transient, on_constraint, permanent_refusal};
pub(crate) use file::Change;
pub(crate) use pools::Pools;
pub use rows::{insert_rows, insert_rows_returning, pad_to_power_of_two, select_given_rows};
pub use schema::Schema;
pub use server::{Server, read_server};
pub use transaction::CommitError;
pub(crate) use upsert::key_columns;
pub use upsert::upsert_newer;
pub(crate) use watched::Pool;
pub use watched::{Reads, Statements, Watched};
pub use write_health::Trouble;
pub(crate) use write_health::WriteHealth;
