//! The schema, in the order in which it grew.

use sea_orm_migration::prelude::*;

mod m0001_copies;

pub(crate) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(shared::events::outbox::Migration),
            Box::new(shared::events::dead_letters::Migration),
            Box::new(m0001_copies::Migration),
            Box::new(shared::events::fills::Migration),
        ]
    }
}
