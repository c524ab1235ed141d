//! Auth's tables.

pub(crate) mod entities;
pub(crate) mod migrations;
pub(crate) mod queries;
