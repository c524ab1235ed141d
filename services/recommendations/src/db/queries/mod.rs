//! The SQL queries, a file per table. They return visible posts and visible people only.

pub(crate) mod posts;
pub(crate) mod users;
