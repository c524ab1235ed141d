//! Blocks between people: neither sees the other, subscriptions end, and nothing is told.

use serde_json::{Value, json};
use testkit::app::TestApp;

use crate::{feed_of, follow, post, spawn_with_people};

/// Blocks `blocked`.
async fn block(app: &TestApp, person: i64, blocked: i64) {
    let answer = app.post(&format!("/users/{blocked}/block"), Value::Null).as_user(person, "x").send().await;
    assert_eq!((answer.status, answer.json), (200, json!({ "message": format!("User {blocked} blocked") })));
}

/// Ends the block of `blocked`.
async fn unblock(app: &TestApp, person: i64, blocked: i64) {
    let answer = app.delete(&format!("/users/{blocked}/block")).as_user(person, "x").send().await;
    assert_eq!((answer.status, answer.json), (200, json!({ "message": format!("User {blocked} unblocked") })));
}

/// Reads the states of `personal_block` that were published.
async fn published(app: &TestApp) -> Vec<Value> {
    let events = app.events().await.into_iter();
    events.filter(|(stream, _)| stream == "personal_block").map(|(_, state)| state).collect()
}

#[tokio::test]
async fn a_block_ends_both_subscriptions_for_good_and_refuses_new_ones() {
    let app = spawn_with_people().await;
    follow(&app, 1, 2).await;
    follow(&app, 2, 1).await;
    follow(&app, 1, 3).await;
    app.deliver("post", &[post(1, 1, 2, false), post(2, 1, 3, false)]).await;
    assert_eq!(feed_of(&app, 1).await, [2, 1]);
    block(&app, 1, 2).await;
    assert_eq!(feed_of(&app, 1).await, [2]);
    for person in [1, 2] {
        let lists = async |side: &str| app.get(&format!("/users/{person}/{side}")).send().await.json["total"].clone();
        assert_eq!((lists("following").await, lists("followers").await), (json!(2 - person), json!(0)));
    }
    let sub = async |person: i64, other: i64| {
        app.post(&format!("/subscribe/{other}"), Value::Null).as_user(person, "x").send().await
    };
    sub(1, 2).await.is_problem(409, "You block this person: end the block before you follow");
    sub(2, 1).await.is_problem(404, "User not found");
    unblock(&app, 1, 2).await;
    assert_eq!(app.get("/users/1/followers").send().await.json["total"], 0);
    follow(&app, 2, 1).await;
    app.finish().await;
}

#[tokio::test]
async fn blocks_are_listed_published_and_refused_like_mutes() {
    let app = spawn_with_people().await;
    block(&app, 1, 2).await;
    block(&app, 1, 2).await;
    block(&app, 1, 3).await;
    // Somebody who is blocked can block too, and learns nothing by it.
    block(&app, 2, 1).await;
    let call = async |id: &str| app.post(&format!("/users/{id}/block"), Value::Null).as_user(1, "ann").send().await;
    call("1").await.is_problem(422, "");
    call("99").await.is_problem(404, "User not found");
    call("x").await.is_problem(400, "");
    let first = app.get("/blocks?limit=1").as_user(1, "ann").send().await.json;
    assert_eq!(first["users"][0]["id"], 3);
    let next = first["next"].as_str().unwrap();
    let rest = app.get(&format!("/blocks?limit=1&cursor={next}")).as_user(1, "ann").send().await.json;
    assert_eq!((&rest["users"][0]["id"], &rest["next"]), (&json!(2), &Value::Null));
    unblock(&app, 1, 3).await;
    app.delete("/users/3/block").as_user(1, "ann").send().await.is_problem(404, "Block not found");
    block(&app, 1, 3).await;
    let state = |user: i64, blocked: i64, version: i64, deleted: bool| json!({ "user_id": user, "blocked_id": blocked, "version": version, "deleted": deleted });
    let states = [
        state(1, 2, 1, false),
        state(1, 3, 1, false),
        state(2, 1, 1, false),
        state(1, 3, 2, true),
        state(1, 3, 3, false),
    ];
    assert_eq!(published(&app).await, states);
    let exported = app.export(1, "/feed").await;
    let ids: Vec<i64> = exported["blocks"].iter().map(|row| row["user_id"].as_i64().unwrap()).collect();
    assert_eq!(ids, [2, 3]);
    assert!(app.export(3, "/feed").await.get("blocks").is_none_or(Vec::is_empty), "nobody learns by whom");
    app.finish().await;
}

#[tokio::test]
async fn neither_finds_the_other_in_lists_and_notifications() {
    let app = spawn_with_people().await;
    follow(&app, 2, 3).await;
    follow(&app, 1, 3).await;
    let like = json!({ "user_id": 2, "post_id": 1, "version": 1, "deleted": false, "post_author_id": 1, "created_at": "2026-03-01T00:00:00.000000Z" });
    app.deliver("post", &[post(1, 1, 1, false)]).await;
    app.deliver("like", &[like]).await;
    let told = async || {
        app.get("/notifications").as_user(1, "ann").send().await.json["notifications"].as_array().unwrap().len()
    };
    assert_eq!(told().await, 1);
    for (blocker, blocked) in [(1, 2), (2, 1)] {
        block(&app, blocker, blocked).await;
        assert_eq!(told().await, 0);
        let ids = async |reader: i64| {
            let users = app.get("/users/3/followers").as_user(reader, "x").send().await.json["users"].clone();
            users.as_array().unwrap().iter().map(|user| user["id"].as_i64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!((ids(1).await, ids(2).await, ids(3).await), (vec![1], vec![2], vec![2, 1]));
        app.get("/users/2/following").as_user(1, "ann").send().await.is_problem(404, "User not found");
        app.get("/users/1/following").as_user(2, "bob").send().await.is_problem(404, "User not found");
        app.post("/users/2/mute", Value::Null).as_user(1, "ann").send().await.is_problem(404, "User not found");
        // Public is public, also with a token that is none.
        assert_eq!(app.get("/users/2/following").send().await.status, 200);
        assert_eq!(app.get("/users/2/following").header("authorization", "Bearer x").send().await.status, 200);
        unblock(&app, blocker, blocked).await;
        assert_eq!(told().await, 1);
    }
    app.finish().await;
}
