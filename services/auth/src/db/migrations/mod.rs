//! The schema, step by step. A step is history: it names tables and columns as they were, never by the entities of
//! today, and `history.*.sql` records what each step leaves.

mod m0001_users;
mod m0002_sessions;
mod m0003_mail_jobs;
mod m0004_reservations;
mod m0005_waiting;
mod m0006_mail_retries;
mod m0007_keys;
mod m0008_unconfirmed;
mod m0009_sessions;
mod m0010_erasures;
mod m0011_factors;
mod m0012_clients;
mod m0013_signing_keys;
mod m0014_passkeys;
mod m0015_joining;
mod m0016_account_log;
mod m0017_exports;
mod m0018_name_tokens;
mod m0019_name_parts;
mod m0020_digests;

use sea_orm_migration::{MigrationTrait, MigratorTrait};

/// All steps, in order.
pub(crate) struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(shared::outbox::Migration),
            Box::new(shared::events::dead_letters::Migration),
            Box::new(m0001_users::Migration),
            Box::new(m0002_sessions::Migration),
            Box::new(m0003_mail_jobs::Migration),
            Box::new(m0004_reservations::Migration),
            Box::new(shared::http::idempotency::Migration),
            Box::new(shared::http::idempotency::AnonymousMigration),
            Box::new(m0005_waiting::Migration),
            Box::new(shared::events::fills::Migration),
            Box::new(m0006_mail_retries::Migration),
            Box::new(m0007_keys::Migration),
            Box::new(m0008_unconfirmed::Migration),
            Box::new(m0009_sessions::Migration),
            Box::new(shared::http::idempotency::PersonMigration),
            Box::new(m0010_erasures::Migration),
            Box::new(m0011_factors::Migration),
            Box::new(m0012_clients::Migration),
            Box::new(m0013_signing_keys::Migration),
            Box::new(m0014_passkeys::Migration),
            Box::new(m0015_joining::Migration),
            Box::new(m0016_account_log::Migration),
            Box::new(m0017_exports::Migration),
            Box::new(m0018_name_tokens::Migration),
            Box::new(m0019_name_parts::Migration),
            Box::new(shared::auth::personal_blocks::Migration),
            Box::new(m0020_digests::Migration),
        ]
    }
}
