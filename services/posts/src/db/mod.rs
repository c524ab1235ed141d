//! The database of this service: its tables, its statements and the history of its schema.

pub(crate) mod entities;
mod migrations;
pub(crate) mod queries;
#[cfg(test)]
mod tests;

pub(crate) use migrations::Migrator;
