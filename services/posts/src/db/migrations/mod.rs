//! The schema, step by step. A step never changes once it is released. So it writes the names of tables and columns as
//! text, instead of using entities, which may change later. `history.*.sql` records the schema after each step.

mod m0001_posts;
mod m0002_image_names;
mod m0003_recounts;
mod m0004_threads;
mod m0005_bookmarks;
mod m0006_search;
mod m0007_pictures;
mod m0008_avatars;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// All steps in order.
pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(shared::outbox::Migration),
            Box::new(shared::events::dead_letters::Migration),
            Box::new(m0001_posts::Migration),
            Box::new(m0002_image_names::Migration),
            Box::new(shared::http::idempotency::Migration),
            Box::new(shared::http::idempotency::AnonymousMigration),
            Box::new(m0003_recounts::Migration),
            Box::new(shared::events::fills::Migration),
            Box::new(shared::auth::ended_sessions::Migration),
            Box::new(shared::erasure::Migration),
            Box::new(shared::http::idempotency::PersonMigration),
            Box::new(m0004_threads::Migration),
            Box::new(m0005_bookmarks::Migration),
            Box::new(m0006_search::Migration),
            Box::new(shared::auth::personal_blocks::Migration),
            Box::new(m0007_pictures::Migration),
            Box::new(m0008_avatars::Migration),
        ]
    }
}
