//! Tests of the API of posts. Each test runs the real router and the real tasks on a database of its own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the exception for tests does not reach their helper functions"
)]

mod avatars;
mod bad_input;
mod blocks;
mod comments;
mod commits;
mod counts;
mod erasure;
mod events;
mod feeds;
mod foreign;
mod idempotency;
mod likes;
mod limits;
mod media;
mod operation;
mod own;
mod own_lists;
mod pictures;
mod positions;
mod posts;
mod program;
mod rights;
mod search;
mod strangers;
mod text;
mod threads;
mod writes;

use serde_json::{Value, json};
use shared::config::Env;
use testkit::app::TestApp;

/// Starts the service.
async fn spawn() -> TestApp {
    TestApp::spawn(::posts::NAME, async |deps| {
        let config = ::posts::Config::from_env(&Env::default(), &deps.settings).unwrap();
        ::posts::build(&config, deps).unwrap()
    })
    .await
}

/// The state of a user, as auth publishes it.
fn user(id: i64, version: i64, username: &str, blocked: bool) -> Value {
    json!({
        "id": id, "version": version, "deleted": false, "username": username, "first_name": null, "last_name": null,
        "bio": null, "created_at": "2026-01-01T00:00:00.000000Z", "verified": true, "blocked": blocked, "role": "user",
        "session_version": i64::from(blocked)
    })
}

/// Creates a post as ann (user 1) and returns its id.
async fn post_of_ann(app: &TestApp) -> i64 {
    let answer = app.post("/posts", json!({ "title": "Hello", "content": "World" })).as_user(1, "ann").send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json["post"]["id"].as_i64().unwrap()
}
