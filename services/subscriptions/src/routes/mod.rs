//! The HTTP handlers, a file per resource.

pub(crate) mod blocks;
pub(crate) mod feed;
pub(crate) mod live;
pub(crate) mod mutes;
pub(crate) mod notifications;
pub(crate) mod subscriptions;
