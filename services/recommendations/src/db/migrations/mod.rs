//! The schema, step by step. A step never changes once it is released. So it writes the names of tables and columns as
//! text, instead of using entities, which may change later. `history.*.sql` records the schema after each step.

use sea_orm_migration::prelude::*;

mod m0001_copies;
mod m0002_authors;
mod m0003_pictures;

pub(crate) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(shared::outbox::Migration),
            Box::new(shared::events::dead_letters::Migration),
            Box::new(m0001_copies::Migration),
            Box::new(shared::events::fills::Migration),
            Box::new(shared::auth::ended_sessions::Migration),
            Box::new(shared::erasure::Migration),
            Box::new(m0002_authors::Migration),
            Box::new(shared::auth::personal_blocks::Migration),
            Box::new(m0003_pictures::Migration),
        ]
    }
}
