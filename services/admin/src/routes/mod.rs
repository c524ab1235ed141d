//! The HTTP handlers, a file per resource.

pub(crate) mod audit;
pub(crate) mod moderation;
pub(crate) mod stats;
pub(crate) mod users;
