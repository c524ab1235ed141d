//! The schema, step by step. A step is history: it names tables and columns as they were, never by the entities of
//! today, and `history.*.sql` records what each step leaves.

mod m0001_subscriptions;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// All steps in order.
pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(shared::outbox::Migration),
            Box::new(shared::events::dead_letters::Migration),
            Box::new(m0001_subscriptions::Migration),
            Box::new(shared::events::fills::Migration),
        ]
    }
}
