//! Named queries, a file per table. Each applies the rules of visibility itself.

pub(crate) mod posts;
pub(crate) mod users;
