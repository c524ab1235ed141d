//! The schema, step by step. A step is history: it names tables and columns as they were, never by the entities of
//! today, and `history.*.sql` records what each step leaves.

use sea_orm_migration::prelude::*;

mod m0001_copies;

pub(crate) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(shared::outbox::Migration),
            Box::new(shared::events::dead_letters::Migration),
            Box::new(m0001_copies::Migration),
            Box::new(shared::events::fills::Migration),
        ]
    }
}
