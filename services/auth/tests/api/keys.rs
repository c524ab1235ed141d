//! Signing keys that take turns.

use std::time::Duration;

use jsonwebtoken::decode_header;
use serde_json::json;
use testkit::app::TestApp;

use crate::people::{PASSWORD, log_in, member, spawn, text};

/// The ids of the published keys.
async fn published(app: &TestApp) -> Vec<String> {
    let set = app.get("/.well-known/jwks.json").send().await.json;
    set["keys"].as_array().unwrap().iter().map(|key| text(key, "kid")).collect()
}

/// The key that a token is signed with.
fn key_of(token: &str) -> String {
    decode_header(token).unwrap().kid.unwrap()
}

async fn status(app: &TestApp, token: &str) -> u16 {
    app.get("/auth/me").bearer(token).send().await.status
}

fn stages(keys: &[auth::KeyState]) -> Vec<&'static str> {
    keys.iter().map(|key| key.stage).collect()
}

#[tokio::test]
async fn a_new_key_is_published_before_it_is_used_and_the_old_one_stays_for_its_tokens() {
    let app = spawn().await;
    let (_, first, _) = member(&app, "ann").await;
    let old = key_of(&first);
    assert_eq!(published(&app).await, [old.as_str()]);
    auth::request_key(app.db(), false).await.unwrap();
    app.eventually(async || published(&app).await.len() == 2, "the new key to be published").await;
    let new = published(&app).await.swap_remove(1);
    assert!(auth::request_key(app.db(), false).await.is_err(), "one at a time");
    assert_eq!(stages(&auth::list_keys(app.db()).await.unwrap()), ["signing", "waiting"]);
    assert_eq!(key_of(&text(&log_in(&app, "ann").await, "token")), old);

    app.clock.advance(Duration::from_secs(11 * 60 - 1));
    let last = text(&log_in(&app, "ann").await, "token");
    assert_eq!(key_of(&last), old);
    app.clock.advance(Duration::from_secs(1));
    let next = text(&log_in(&app, "ann").await, "token");
    assert_eq!((key_of(&next), published(&app).await.len()), (new.clone(), 2));
    // Tokens of both keys are good, in every second of their life.
    for _ in 0..10 {
        assert_eq!((status(&app, &last).await, status(&app, &next).await), (200, 200));
        app.clock.advance(Duration::from_secs(59));
    }
    assert_eq!(stages(&auth::list_keys(app.db()).await.unwrap()), ["retiring", "signing"]);
    app.clock.advance(Duration::from_secs(120));
    assert_eq!(published(&app).await, [new.as_str()]);
    assert_eq!(stages(&auth::list_keys(app.db()).await.unwrap()), ["retired", "signing"]);
    // The first key is gone from the verification too.
    let is_gone = async || status(&app, &first).await == 401 && status(&app, &last).await == 401;
    app.eventually(is_gone, "the old key to be forgotten").await;
    // The keys take turns again.
    auth::request_key(app.db(), false).await.unwrap();
    app.eventually(async || published(&app).await.len() == 2, "the third key to be published").await;
    app.finish().await;
}

#[tokio::test]
async fn a_stolen_key_ends_at_once_and_people_get_new_tokens() {
    let app = spawn().await;
    let (_, token, refresh) = member(&app, "ann").await;
    auth::request_key(app.db(), true).await.unwrap();
    app.eventually(async || status(&app, &token).await == 401, "the end of the stolen key").await;
    let next = app.post("/auth/refresh", json!({ "refresh_token": refresh })).send().await;
    assert_eq!(next.status, 200, "{}", next.text);
    assert_ne!(key_of(&text(&next.json, "token")), key_of(&token));
    assert_eq!(status(&app, &text(&next.json, "token")).await, 200);
    assert_eq!(published(&app).await.len(), 1);
    let login = app.post("/auth/login", json!({ "username": "ann", "password": PASSWORD })).send().await;
    assert_eq!(login.status, 200);
    app.finish().await;
}
