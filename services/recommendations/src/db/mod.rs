//! The database of this service: entities (the tables), queries (the statements) and migrations (the schema's history).

pub(crate) mod entities;
mod migrations;
pub(crate) mod queries;
#[cfg(test)]
mod tests;

pub(crate) use migrations::Migrator;
