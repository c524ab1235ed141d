//! Tests of the migrations: the old ones do what they always did, and all of them together lead to the tables of the
//! entities.

use shared::auth::{ended_sessions, personal_blocks};
use shared::erasure;
use shared::http::idempotency;
use testkit::schema::{check_entities, check_history, table};

use super::entities::{
    comments, counts, likes, live_head, live_items, moderated_people, mutes, notices, notification_settings, posts,
    report_outcomes, subscriptions, users,
};
use super::migrations::Migrator;

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test]
async fn old_migrations_do_what_they_did() {
    check_history::<Migrator>(PACKAGE).await;
}

#[tokio::test]
async fn the_migrations_lead_to_the_entities() {
    let tables = [
        table::<comments::Entity>(),
        table::<counts::Entity>(),
        table::<likes::Entity>(),
        table::<live_head::Entity>(),
        table::<live_items::Entity>(),
        table::<moderated_people::Entity>(),
        table::<mutes::Entity>(),
        table::<notices::Entity>(),
        table::<notification_settings::Entity>(),
        table::<posts::Entity>(),
        table::<report_outcomes::Entity>(),
        table::<subscriptions::Entity>(),
        table::<users::Entity>(),
        table::<ended_sessions::Entity>(),
        table::<idempotency::Entity>(),
        table::<personal_blocks::Entity>(),
        table::<erasure::Entity>(),
    ];
    check_entities::<Migrator>(PACKAGE, &tables).await;
}
