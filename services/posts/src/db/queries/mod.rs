//! The SQL statements, a file per aggregate. They read and write rows, and publish nothing.

pub(crate) mod users;

pub(crate) mod likes;
pub(crate) mod own;
pub(crate) mod pictures;
pub(crate) mod posts;
pub(crate) mod search;

pub(crate) mod bookmarks;
pub(crate) mod comments;
pub(crate) mod decisions;

pub(crate) mod export;
pub(crate) mod personal;
pub(crate) mod recounts;

pub(crate) mod counts;
