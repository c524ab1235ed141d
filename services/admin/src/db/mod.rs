//! The database of this service.

pub(crate) mod entities;
mod migrations;
pub(crate) mod queries;

pub(crate) use migrations::Migrator;
