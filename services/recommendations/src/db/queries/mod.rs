//! The SQL queries, a file per table. They return visible posts and visible people only, except for
//! a person's own export.

pub(crate) mod likes;
pub(crate) mod posts;
pub(crate) mod users;
