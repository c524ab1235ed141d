//! The SQL statements, a file per table or per kind of answer. They read and write rows, and know nothing of HTTP or
//! events.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod cases;
pub(crate) mod contents;
pub(crate) mod decisions;
pub(crate) mod reports;
pub(crate) mod stats;
pub(crate) mod targets;
