//! The HTTP handlers, a file per resource.

pub(crate) mod feed;
pub(crate) mod subscriptions;
