//! The schema, step by step. A step never changes once it is released. So it writes the names of tables and columns as
//! text, instead of using entities, which may change later. `history.*.sql` records the schema after each step.

mod m0001_subscriptions;
mod m0002_notifications;
mod m0005_live;
mod m0007_comment_authors;
mod m0008_moderation;
mod m0009_pictures;

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
            Box::new(shared::auth::ended_sessions::Migration),
            Box::new(shared::erasure::Migration),
            Box::new(m0002_notifications::Migration),
            Box::new(m0005_live::Migration),
            Box::new(m0007_comment_authors::Migration),
            Box::new(shared::auth::personal_blocks::Migration),
            Box::new(m0008_moderation::Migration),
            Box::new(m0009_pictures::Migration),
            Box::new(shared::http::idempotency::Migration),
            Box::new(shared::http::idempotency::AnonymousMigration),
            Box::new(shared::http::idempotency::PersonMigration),
        ]
    }
}
