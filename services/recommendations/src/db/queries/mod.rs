//! Named queries: each applies the rules of visibility itself.

pub(crate) mod posts;
pub(crate) mod users;
