//! The rules of moderation that need neither HTTP nor a database.

pub(crate) mod decision;
pub(crate) mod ids;
pub(crate) mod target;
