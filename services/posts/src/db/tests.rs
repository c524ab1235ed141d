//! Tests of the migrations: the old ones do what they always did, and all of them together lead to the tables of the
//! entities.

use shared::auth::{ended_sessions, personal_blocks};
use shared::erasure;
use shared::http::idempotency;
use testkit::schema::{check_entities, check_history, table};

use super::entities::{bookmarks, comments, counts, likes, pictures, post_tags, posts, recounts, users};
use super::migrations::Migrator;

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test]
async fn old_migrations_do_what_they_did() {
    check_history::<Migrator>(PACKAGE).await;
}

#[tokio::test]
async fn the_migrations_lead_to_the_entities() {
    let tables = [
        table::<bookmarks::Entity>(),
        table::<comments::Entity>(),
        table::<counts::Entity>(),
        table::<likes::Entity>(),
        table::<pictures::Entity>(),
        table::<post_tags::Entity>(),
        table::<posts::Entity>(),
        table::<recounts::Entity>(),
        table::<users::Entity>(),
        table::<idempotency::Entity>(),
        table::<ended_sessions::Entity>(),
        table::<personal_blocks::Entity>(),
        table::<erasure::Entity>(),
    ];
    check_entities::<Migrator>(PACKAGE, &tables).await;
}
