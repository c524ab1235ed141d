//! The rules of moderation that need neither HTTP nor a database.

pub(crate) mod content;
pub(crate) mod decision;
pub(crate) mod etag;
pub(crate) mod ids;
pub(crate) mod report;
pub(crate) mod target;
pub(crate) mod warning;
