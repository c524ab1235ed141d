//! Tests of the API of subscriptions. Each test runs the real router on a database of its own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the exception for tests does not reach their helper functions"
)]

mod bad_input;
mod blocks;
mod erasure;
mod events;
mod feed;
mod following;
mod idempotency;
mod live;
mod moderation;
mod notifications;
mod program;
mod rights;

use serde_json::{Value, json};
use shared::config::Env;
use testkit::app::TestApp;

async fn spawn() -> TestApp {
    spawn_with(Env::default()).await
}

async fn spawn_with(env: Env) -> TestApp {
    let config = subscriptions::Config::from_env(&env).unwrap();
    TestApp::spawn(subscriptions::NAME, async |deps| subscriptions::build(&config, deps)).await
}

/// A user's state as auth publishes it.
fn user(id: i64, version: i64, username: &str, blocked: bool) -> Value {
    json!({
        "id": id, "version": version, "deleted": false, "username": username, "first_name": null, "last_name": "Doe",
        "bio": null, "created_at": "2026-01-01T00:00:00.000000Z", "verified": true, "blocked": blocked, "role": "user",
        "session_version": i64::from(blocked)
    })
}

/// A post's state as posts publishes it.
fn post(id: i64, version: i64, author: i64, deleted: bool) -> Value {
    let at = json!("2026-02-01T00:00:00.000000Z");
    let kept = |value: Value| if deleted { Value::Null } else { value };
    json!({
        "id": id, "version": version, "deleted": deleted, "author_id": kept(json!(author)), "title": kept(json!(format!("Post {id}"))),
        "content": kept(json!("Text")), "image_url": null, "created_at": kept(at.clone()), "updated_at": kept(at)
    })
}

/// Starts an app that knows ann (1), bob (2) and cleo (3).
async fn spawn_with_people() -> TestApp {
    with_people(spawn().await).await
}

async fn with_people(app: TestApp) -> TestApp {
    app.deliver("user", &[user(1, 1, "ann", false), user(2, 1, "bob", false), user(3, 1, "cleo", false)]).await;
    app
}

async fn follow(app: &TestApp, follower: i64, followee: i64) {
    let answer = app.post(&format!("/subscribe/{followee}"), Value::Null).as_user(follower, "x").send().await;
    assert_eq!((answer.status, answer.json), (200, json!({ "message": format!("Subscribed to user {followee}") })));
}

/// Reads the ids of the posts in somebody's feed.
async fn feed_of(app: &TestApp, reader: i64) -> Vec<i64> {
    let answer = app.get("/feed?limit=100").as_user(reader, "x").send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["posts"].as_array().unwrap().iter().map(|post| post["id"].as_i64().unwrap()).collect()
}
