//! The erasure of everything that a person who has left wrote.

use std::time::Duration;

use axum::http::Method;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use shared::db::is_postgres;
use testkit::app::TestApp;

use crate::pictures::{form, png};
use crate::{post_of_ann, spawn, user};

/// The tombstone of a person who could log in.
pub(crate) fn gone(id: i64, version: i64) -> Value {
    let mut state = user(id, version, "gone", false);
    for field in ["username", "first_name", "last_name", "bio", "created_at", "role"] {
        state[field] = Value::Null;
    }
    state["deleted"] = json!(true);
    state["session_version"] = json!(1);
    state
}

/// Waits for the next confirmation, and returns it with the other states that were published before.
async fn confirmation(app: &TestApp) -> (Value, Vec<(String, Value)>) {
    let mut seen = Vec::new();
    let is_there = async || {
        seen.extend(app.events().await);
        seen.iter().any(|(stream, _)| stream == "erasure_done.posts")
    };
    app.eventually(is_there, "a confirmation").await;
    let place = seen.iter().position(|(stream, _)| stream == "erasure_done.posts").unwrap();
    (seen.remove(place).1, seen)
}

/// The rows of a query with one column of text, `held`.
async fn held(app: &TestApp, sql: &str) -> Vec<String> {
    let statement = Statement::from_string(app.db().read().get_database_backend(), sql);
    let rows = app.db().read().query_all_raw(statement).await.unwrap();
    rows.iter().map(|row| row.try_get("", "held").unwrap()).collect()
}

/// The pages of SQLite's index of words that hold the word of person 2, marked as deleted or not.
const ZEBRAS: &str = "SELECT 'x' AS held FROM post_words_data WHERE instr(block, CAST('zebra' AS BLOB))";

/// The words of person 2 in the tables, and the number of stored answers.
async fn words(app: &TestApp) -> (String, usize) {
    let posts = "SELECT coalesce(title, '') || coalesce(content, '') || coalesce(image_name, '') AS held FROM posts \
                 WHERE author_id = 2";
    let comments = "SELECT coalesce(content, '') AS held FROM comments WHERE author_id = 2";
    let words = held(app, posts).await.concat() + &held(app, comments).await.concat();
    (words, held(app, "SELECT '' AS held FROM idempotency_keys").await.len())
}

#[tokio::test]
async fn everything_of_a_person_who_leaves_is_erased_and_counted() {
    let app = spawn().await;
    app.deliver("user", &[user(1, 1, "ann", false), user(2, 1, "bob", false), user(3, 1, "cid", false)]).await;
    let of_ann = post_of_ann(&app).await;
    let (kind, body) =
        form(&[("title", None, b"Zebra"), ("content", None, b"zebra"), ("image", Some("x"), &png(3, 2))]);
    let call = app.post("/posts", json!(null)).as_user(2, "bob").body(&kind, body);
    let shown = call.header("idempotency-key", "zebra").send().await.json["post"].clone();
    let (id, picture) = (shown["id"].as_i64().unwrap(), shown["image_url"].as_str().unwrap().to_owned());
    let (kind, body) = form(&[("image", Some("x"), &png(400, 2)), ("alt", None, b"a zebra")]);
    let unused = app.post("/media", json!(null)).as_user(2, "bob").body(&kind, body).send().await.json;
    let (unused, size) = (unused["url"].clone(), unused["sizes"][0]["url"].clone());
    let removed = json!({ "title": "Zebra", "content": "removed" });
    let removed = app.post("/posts", removed).as_user(2, "bob").send().await.json["post"]["id"].as_i64().unwrap();
    app.deliver("moderation.post", &[json!({ "id": removed, "version": 1, "removed": true })]).await;
    for (post, person) in [(of_ann, 2), (id, 2), (id, 3)] {
        app.post(&format!("/posts/{post}/likes"), Value::Null).as_user(person, "x").send().await;
        let comment = json!({ "content": "a zebra" });
        app.post(&format!("/posts/{post}/comments"), comment).as_user(person, "x").send().await;
    }
    app.call(Method::PUT, &format!("/posts/{of_ann}/bookmark"), None).as_user(2, "x").send().await;
    app.events().await;
    let (before, answers) = words(&app).await;
    assert!(before.contains("zebra") && before.contains(".png"), "{before}");
    assert_eq!(answers, 1);
    if !is_postgres(app.db().read()) {
        assert!(!held(&app, ZEBRAS).await.is_empty());
    }

    let exported = app.export(2, "/likes").await;
    let numbers: Vec<(&str, usize)> = exported.iter().map(|(kind, rows)| (kind.as_str(), rows.len())).collect();
    assert_eq!(numbers, [("bookmarks", 1), ("comments", 2), ("likes", 2), ("pictures", 2), ("posts", 2)]);
    assert!(exported["posts"][0]["picture"].is_string() && exported["posts"][1]["removed_at"].is_string());
    assert_eq!((&exported["pictures"][0]["post_id"], &exported["pictures"][1]["alt"]), (&json!(id), &json!("a zebra")));
    let other = app.get("/internal/posts/export-files/nobody.png").as_user(2, "bob").send().await;
    assert_eq!(other.status, 401);

    app.deliver("user", &[gone(2, 2)]).await;
    let (confirmed, states) = confirmation(&app).await;
    let counts = json!({ "posts": 2, "pictures": 2, "comments": 2, "likes": 2, "bookmarks": 1 });
    assert_eq!(confirmed, json!({ "id": 2, "version": 1, "complete": false, "counts": counts }));
    let tombstones =
        |stream: &str| states.iter().filter(|(of, state)| of == stream && state["deleted"] == true).count();
    assert_eq!((tombstones("post"), tombstones("comment"), tombstones("like")), (2, 2, 2));
    app.get(&format!("/posts/{id}")).send().await.is_problem(404, "Post not found");
    for gone in [&picture, unused.as_str().unwrap(), size.as_str().unwrap()] {
        app.get(gone).send().await.is_problem(404, "Image not found");
    }
    assert_eq!(held(&app, "SELECT stem AS held FROM pictures").await, [""; 0]);
    let comments = app.get(&format!("/posts/{of_ann}/comments")).send().await.json["comments"].clone();
    assert_eq!(comments, json!([]));
    let counters = async || app.get(&format!("/posts/{of_ann}")).send().await.json["like_count"] == 0;
    app.eventually(counters, "the counter without the like").await;
    assert_eq!(words(&app).await, (String::new(), 0));
    if !is_postgres(app.db().read()) {
        // A deletion alone only marks the words in the index.
        assert_eq!(held(&app, ZEBRAS).await.len(), 0);
    }
    let of_cid = held(&app, "SELECT content AS held FROM comments WHERE author_id = 3").await;
    assert_eq!(of_cid, ["a zebra"], "the words of others are theirs");
    app.finish().await;
}

#[tokio::test]
async fn a_second_look_erases_what_was_written_meanwhile() {
    let app = spawn().await;
    app.deliver("user", &[user(2, 1, "bob", false), gone(2, 2)]).await;
    let (confirmed, _) = confirmation(&app).await;
    assert_eq!((&confirmed["version"], &confirmed["counts"]), (&json!(1), &json!({})));
    // A request on a replica that had not heard of the end.
    let tx = app.db().begin().await.unwrap();
    let row = "INSERT INTO posts (version, author_id, title, content, created_at, updated_at, decision_version) \
               VALUES (1, 2, 'late', 'late', '2026-01-01 00:00:00+00:00', '2026-01-01 00:00:00+00:00', 0)";
    tx.execute_unprepared(row).await.unwrap();
    tx.commit().await.unwrap();
    app.clock.advance(Duration::from_secs(11 * 60));
    let (confirmed, states) = confirmation(&app).await;
    assert_eq!(confirmed, json!({ "id": 2, "version": 2, "complete": true, "counts": { "posts": 1 } }));
    assert_eq!(states[0].0, "post");
    app.finish().await;
}

#[tokio::test]
async fn an_account_that_nobody_verified_needs_no_erasure() {
    let app = spawn().await;
    let mut unverified = gone(2, 2);
    unverified["session_version"] = json!(0);
    app.deliver("user", &[unverified, gone(3, 2)]).await;
    let (confirmed, states) = confirmation(&app).await;
    assert_eq!((confirmed["id"].as_i64(), states.len()), (Some(3), 0));
    app.finish().await;
}
