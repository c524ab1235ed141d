//! Statements, a file per aggregate.

pub(crate) mod comments;
pub(crate) mod likes;
pub(crate) mod posts;
pub(crate) mod recounts;
pub(crate) mod users;
