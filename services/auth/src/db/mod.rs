//! The database of this service.

pub(crate) mod entities;
mod migrations;
pub(crate) mod queries;
#[cfg(test)]
mod tests;

pub(crate) use migrations::Migrator;
