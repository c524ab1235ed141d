//! Tests of the migrations: the old ones do what they always did, and all of them together lead to the tables of the
//! entities.

use sea_orm::{ConnectionTrait, EntityTrait};
use sea_orm_migration::MigratorTrait;
use shared::auth::ended_sessions;
use shared::erasure;
use shared::http::idempotency;
use testkit::schema::{check_entities, check_history, empty_database, table};

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

/// Otherwise the owners' answers would be no newer than the rows, and the new columns would stay empty.
#[tokio::test]
async fn the_migrations_step_copies_back_so_that_they_are_filled() {
    let db = empty_database().await;
    let steps = Migrator::migrations().iter().position(|step| step.name() == "m0003_reports").unwrap();
    Migrator::up(&db, Some(u32::try_from(steps).unwrap())).await.unwrap();
    for statement in [
        "INSERT INTO copy_fills (stream, asked_at) VALUES ('post', '2026-03-01 12:00:00+00:00')",
        "INSERT INTO posts (id, version, deleted) VALUES (7, 3, FALSE)",
        "INSERT INTO comments (id, version, deleted) VALUES (7, 1, FALSE)",
        "INSERT INTO users (id, version, deleted, verified, blocked, session_version) VALUES (7, 2, FALSE, TRUE, TRUE, 0)",
    ] {
        db.execute_unprepared(statement).await.unwrap();
    }
    Migrator::up(&db, None).await.unwrap();
    let versions = (
        users::Entity::find().one(&db).await.unwrap().unwrap().version,
        posts::Entity::find().one(&db).await.unwrap().unwrap().version,
        comments::Entity::find().one(&db).await.unwrap().unwrap().version,
    );
    assert_eq!(versions, (1, 2, 0));
}
