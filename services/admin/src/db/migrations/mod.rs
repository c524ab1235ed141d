//! The schema, step by step.

mod m0001_decisions;
mod m0002_totals;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// All steps in order.
pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(shared::events::outbox::Migration),
            Box::new(shared::events::dead_letters::Migration),
            Box::new(m0001_decisions::Migration),
            Box::new(m0002_totals::Migration),
            Box::new(shared::events::fills::Migration),
        ]
    }
}
