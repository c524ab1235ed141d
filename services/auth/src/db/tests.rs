//! Tests that the old migrations still do what they did, and that all of them together lead to the entities.

use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder};
use sea_orm_migration::MigratorTrait;
use shared::auth::personal_blocks;
use shared::http::idempotency;
use testkit::schema::{check_entities, check_history, empty_database, table};

use super::entities::{
    self, account_log, authenticator_apps, authorization_codes, ceremonies, challenges, clients, confirmations,
    erased_users, exports, invitations, limits, mail_jobs, name_tokens, passkeys, receipts, recovery_codes,
    refresh_tokens, reservations, sessions, signing_keys, users,
};
use super::migrations::Migrator;
use super::queries::{links, users as user_queries};
use crate::domain::link::Purpose;
use crate::domain::names::{self, Mask};

const PACKAGE: &str = env!("CARGO_MANIFEST_DIR");

#[tokio::test]
async fn old_migrations_do_what_they_did() {
    check_history::<Migrator>(PACKAGE).await;
}

#[tokio::test]
async fn the_migrations_lead_to_the_entities() {
    let tables = [
        table::<account_log::Entity>(),
        table::<authenticator_apps::Entity>(),
        table::<authorization_codes::Entity>(),
        table::<ceremonies::Entity>(),
        table::<challenges::Entity>(),
        table::<clients::Entity>(),
        table::<confirmations::Entity>(),
        table::<invitations::Entity>(),
        table::<passkeys::Entity>(),
        table::<personal_blocks::Entity>(),
        table::<recovery_codes::Entity>(),
        table::<signing_keys::Entity>(),
        table::<erased_users::Entity>(),
        table::<exports::Entity>(),
        table::<name_tokens::Entity>(),
        table::<receipts::Entity>(),
        table::<limits::Entity>(),
        table::<entities::links::Entity>(),
        table::<mail_jobs::Entity>(),
        table::<refresh_tokens::Entity>(),
        table::<reservations::Entity>(),
        table::<sessions::Entity>(),
        table::<users::Entity>(),
        table::<idempotency::Entity>(),
    ];
    check_entities::<Migrator>(PACKAGE, &tables).await;
}

/// The migration `m0007_keys` computes the keys of old rows anew. Where two accounts have the same mailbox, the one
/// that has verified it gets the key, or else the older one. `m0008_unconfirmed` moves the links and gives a day to the
/// accounts that wait.
#[tokio::test]
async fn old_rows_get_the_keys_of_today_and_keep_their_links() {
    let db = empty_database().await;
    let steps = Migrator::migrations().iter().position(|step| step.name() == "m0007_keys").unwrap();
    Migrator::up(&db, Some(u32::try_from(steps).unwrap())).await.unwrap();
    // The old program stored the typed address in lower case as the key.
    let old = [
        ("ann", "ann@bücher.example", false),
        ("bob", "ann@xn--bcher-kva.example", true),
        ("carl", "carl@bücher.example", false),
        ("dora", "carl@xn--bcher-kva.example", false),
        ("eve", "jürgen@bücher.example", true),
    ];
    let now = "2026-03-01 12:00:00+00:00";
    for (id, (name, address, is_verified)) in (1..).zip(old) {
        let verified_at = if is_verified { format!("'{now}'") } else { "NULL".to_owned() };
        let account = format!(
            "INSERT INTO users (id, version, username, username_key, email, email_key, password_hash, last_name, \
             first_name_key, last_name_key, full_name_key, role, verified_at, decision_version, session_version, \
             created_at, updated_at) VALUES ({id}, 1, '{name}', '{name}', '{address}', '{address}', 'x', \
             'Οδυσσεύς', '', 'οδυσσεύς', 'οδυσσεύς', 'user', {verified_at}, 0, 0, '{now}', '{now}')"
        );
        let link = format!(
            "INSERT INTO verifications (user_id, email_key, token_hash, expires_at) \
             VALUES ({id}, '{address}', 'hash of {name}', '{now}')"
        );
        for statement in [account, link] {
            db.execute_unprepared(&statement).await.unwrap();
        }
    }
    Migrator::up(&db, None).await.unwrap();
    let users = users::Entity::find().order_by_asc(users::Column::Id).all(&db).await.unwrap();
    let keys: Vec<&str> = users.iter().map(|user| user.email_key.as_str()).collect();
    // An address cannot contain a space, so no search finds the key of the other account.
    let expected = [
        "1 ann@xn--bcher-kva.example",
        "ann@xn--bcher-kva.example",
        "carl@xn--bcher-kva.example",
        "4 carl@xn--bcher-kva.example",
        "jürgen@xn--bcher-kva.example",
    ];
    assert_eq!(keys, expected);
    for user in &users {
        let [_, last_name_key, _] = names::keys(None, user.last_name.as_deref());
        assert_eq!(user.last_name_key, last_name_key);
        assert_eq!(user.expires_at.is_some(), user.verified_at.is_none());
        let link = links::find(&db, Purpose::Verification, &format!("hash of {}", user.username)).await.unwrap();
        assert_eq!(link.map(|link| (link.user_id, link.email_key)), Some((user.id, user.email_key.clone())));
    }
}

/// The migration `m0019_name_parts` makes everybody findable who is there already. Pages lead through all matches, whether
/// they lie in the blocks of ids that are searched first, in older ones, or behind many candidates that do not match.
#[tokio::test]
async fn the_migrations_make_people_findable_by_masks() {
    let db = empty_database().await;
    let steps = Migrator::migrations().iter().position(|step| step.name() == "m0019_name_parts").unwrap();
    Migrator::up(&db, Some(u32::try_from(steps).unwrap())).await.unwrap();
    // The candidates for `*bcd*abc*`, of which few match: all have both parts, but most have them in the other order.
    let misleading = (100..400).map(|id| (id, "abcd"));
    let others =
        [(1, "bcdabc"), (2, "Annabel"), (4_095, "Joann"), (4_096, "Ann"), (9_000, "Anna"), (50_000, "bcd abc")];
    let newest = [(50_001, "Hannah"), (50_002, "Bob"), (1_000_000, "Ann")];
    let now = "2026-03-01 12:00:00+00:00";
    let rows: Vec<String> = misleading
        .chain(others)
        .chain(newest)
        .map(|(id, name)| {
            let key = name.to_lowercase();
            format!(
                "({id}, 1, 'u{id}', 'u{id}', 'u{id}@example.org', 'u{id}@example.org', 'x', '{name}', '{key}', '', \
                 '{key}', 'user', '{now}', 0, 0, '{now}', '{now}')"
            )
        })
        .collect();
    let insert = format!(
        "INSERT INTO users (id, version, username, username_key, email, email_key, password_hash, first_name, \
         first_name_key, last_name_key, full_name_key, role, verified_at, decision_version, session_version, \
         created_at, updated_at) VALUES {}",
        rows.join(", ")
    );
    db.execute_unprepared(&insert).await.unwrap();
    Migrator::up(&db, None).await.unwrap();
    for (mask, expected) in [
        ("*ann*", vec![1_000_000, 50_001, 9_000, 4_096, 4_095, 2]),
        ("ann*", vec![1_000_000, 9_000, 4_096, 2]),
        ("an*", vec![1_000_000, 9_000, 4_096, 2]),
        ("*ann", vec![1_000_000, 4_096, 4_095]),
        ("ann", vec![1_000_000, 4_096]),
        ("*bcd*abc*", vec![50_000, 1]),
        ("*no*", vec![]),
        ("*nobody*", vec![]),
        ("*bo*", vec![50_002]),
    ] {
        let mask = Mask::parse(mask).unwrap();
        for limit in [1, 2, 100] {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page = user_queries::search_by_name(&db, &mask, after, limit).await.unwrap();
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                found.extend(page.iter().map(|user| user.id));
            }
            assert_eq!(found, expected, "{mask:?} {limit}");
        }
    }
}
