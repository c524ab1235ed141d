//! Tests of the migrations: the old ones do what they always did, and all of them together lead to the tables of the
//! entities.

use shared::auth::ended_sessions;
use shared::erasure;
use shared::http::idempotency;
use testkit::schema::{check_entities, check_history, table};

use super::entities::{audit, cases, comments, counts, decisions, posts, reports, users};
use super::migrations::Migrator;

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test]
async fn old_migrations_do_what_they_did() {
    check_history::<Migrator>(PACKAGE).await;
}

#[tokio::test]
async fn the_migrations_lead_to_the_entities() {
    let tables = [
        table::<audit::Entity>(),
        table::<cases::Entity>(),
        table::<comments::Entity>(),
        table::<counts::Entity>(),
        table::<decisions::Entity>(),
        table::<posts::Entity>(),
        table::<reports::Entity>(),
        table::<users::Entity>(),
        table::<ended_sessions::Entity>(),
        table::<erasure::Entity>(),
        table::<idempotency::Entity>(),
    ];
    check_entities::<Migrator>(PACKAGE, &tables).await;
}
