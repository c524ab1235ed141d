//! The migrations are what they were, and lead to the entities.

use shared::http::idempotency;
use testkit::schema::{check_entities, check_history, table};

use super::entities::{mail_jobs, refresh_tokens, reservations, sessions, users, verifications};
use super::migrations::Migrator;

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test]
async fn old_migrations_do_what_they_did() {
    check_history::<Migrator>(PACKAGE).await;
}

#[tokio::test]
async fn the_migrations_lead_to_the_entities() {
    let tables = [
        table::<mail_jobs::Entity>(),
        table::<refresh_tokens::Entity>(),
        table::<reservations::Entity>(),
        table::<sessions::Entity>(),
        table::<users::Entity>(),
        table::<verifications::Entity>(),
        table::<idempotency::Entity>(),
    ];
    check_entities::<Migrator>(PACKAGE, &tables).await;
}
