//! Statements, a file per aggregate.

pub(crate) mod feed;
pub(crate) mod subscriptions;
pub(crate) mod users;
