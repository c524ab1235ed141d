//! The SQL statements, a file per table or per kind of answer. They read and write rows, and know nothing of HTTP or
//! events.

pub(crate) mod export;
pub(crate) mod feed;
pub(crate) mod subscriptions;
pub(crate) mod users;
