//! The HTTP handlers, a file per resource.

pub(crate) mod audit;
pub(crate) mod conditions;
pub(crate) mod contents;
pub(crate) mod desk;
pub(crate) mod moderation;
pub(crate) mod reports;
pub(crate) mod stats;
pub(crate) mod users;
