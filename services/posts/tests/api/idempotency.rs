//! Idempotency keys: a request that is repeated because no answer came takes effect once.

use std::time::Duration;

use axum::body::to_bytes;
use axum::http::{Method, Request, StatusCode};
use axum::response::IntoResponse;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};
use shared::http::{IdempotencyKey, idempotency};
use shared::ids::UserId;
use testkit::app::{Answer, TestApp};

use crate::{post_of_ann, spawn};

/// Creates a post with an idempotency key.
async fn post(app: &TestApp, key: &str, title: &str, (id, name): (i64, &str)) -> Answer {
    let body = json!({ "title": title, "content": "World" });
    app.post("/posts", body).header("idempotency-key", key).as_user(id, name).send().await
}

const ANN: (i64, &str) = (1, "ann");
const BOB: (i64, &str) = (2, "bob");

async fn count(app: &TestApp) -> usize {
    app.get("/posts").send().await.json["posts"].as_array().unwrap().len()
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer() {
    let app = spawn().await;
    let first = post(&app, "k1", "Hello", ANN).await;
    assert_eq!((first.status, first.headers.get("idempotency-replayed")), (201, None));
    app.clock.advance(Duration::from_secs(60));
    let again = post(&app, "k1", "Hello", ANN).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.headers["location"], first.headers["location"]);
    assert_eq!((count(&app).await, app.events().await.len()), (1, 2), "one post and its counters");

    post(&app, "k1", "Other", ANN).await.is_problem(422, "This Idempotency-Key belongs to a request with another body");
    // The same key of another person, another key, and another path each make another request.
    assert_eq!(post(&app, "k1", "Hello", BOB).await.status, 201);
    assert_eq!(post(&app, "k2", "Hello", ANN).await.status, 201);
    let home = first.json["post"]["id"].as_i64().unwrap();
    let comment = async || {
        let call = app.post(&format!("/posts/{home}/comments"), json!({ "content": "so true" }));
        call.header("idempotency-key", "k1").as_user(1, "ann").send().await.json["comment"]["id"].clone()
    };
    assert_eq!((comment().await, comment().await), (json!(1), json!(1)));
    assert_eq!(count(&app).await, 3);
    app.finish().await;
}

#[tokio::test]
async fn small_writes_are_repeated_without_effect() {
    let app = spawn().await;
    let home = format!("/posts/{}", post_of_ann(&app).await);
    let comment = app.post(&format!("{home}/comments"), json!({ "content": "so true" })).as_user(1, "ann").send().await;
    let comment = format!("{home}/comments/{}", comment.json["comment"]["id"]);
    let (likes, bookmark) = (format!("{home}/likes"), format!("{home}/bookmark"));
    let writes = [
        (Method::POST, &likes, None),
        (Method::DELETE, &likes, None),
        (Method::PUT, &bookmark, None),
        (Method::DELETE, &bookmark, None),
        (Method::PATCH, &comment, Some(json!({ "content": "so false" }))),
        (Method::DELETE, &comment, None),
        (Method::PATCH, &home, Some(json!({ "title": "Another one" }))),
    ];
    let send = async |(method, path, body): &(Method, &String, Option<Value>)| {
        let call = app.call(method.clone(), path, body.clone());
        call.header("idempotency-key", "k").as_user(1, "ann").send().await
    };
    let mut first = Vec::new();
    for write in &writes {
        first.push(send(write).await);
    }
    app.events().await;
    for (write, first) in writes.iter().zip(&first) {
        let again = send(write).await;
        assert_eq!((again.status, &again.text), (200, &first.text), "{write:?}");
        assert_eq!(
            (first.headers.get("idempotency-replayed"), &again.headers["idempotency-replayed"]),
            (None, &"true".parse().unwrap())
        );
    }
    assert_eq!(app.events().await, [], "nothing has changed");
    let other = app.patch(&home, json!({ "content": "Another one" })).header("idempotency-key", "k");
    let other = other.as_user(1, "ann").send().await;
    other.is_problem(422, "This Idempotency-Key belongs to a request with another body");

    let delete = (Method::DELETE, &home, None);
    assert_eq!((send(&delete).await.status, send(&delete).await.status), (200, 200));
    assert_eq!(count(&app).await, 0);
    app.finish().await;
}

#[tokio::test]
async fn a_hit_is_counted_once() {
    let app = spawn().await;
    let path = format!("/posts/{}/views", post_of_ann(&app).await);
    let hit = async |key: &str| app.post(&path, Value::Null).header("idempotency-key", key).send().await.json;
    assert_eq!(hit("k1").await, json!({ "views": 1 }));
    assert_eq!(hit("k2").await, json!({ "views": 2 }));
    assert_eq!(hit("k1").await, json!({ "views": 1 }));
    assert_eq!(app.post(&path, Value::Null).send().await.json, json!({ "views": 3 }));
    app.finish().await;
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day() {
    let app = spawn().await;
    post(&app, "k1", "Hello", ANN).await;
    app.clock.advance(Duration::from_secs(24 * 3_600 - 1));
    assert_eq!(post(&app, "k1", "Hello", ANN).await.headers["idempotency-replayed"], "true");
    app.clock.advance(Duration::from_secs(1));
    let later = post(&app, "k1", "Another day", ANN).await;
    assert_eq!((later.status, count(&app).await), (201, 2));
    // The new answer has replaced the old one.
    assert_eq!(post(&app, "k1", "Another day", ANN).await.text, later.text);
    app.finish().await;
}

#[tokio::test]
async fn what_failed_may_be_tried_again() {
    let app = spawn().await;
    let comment = async |path: &str| {
        let call = app.post(path, json!({ "content": "so true" })).header("idempotency-key", "k1");
        call.as_user(1, "ann").send().await
    };
    comment("/posts/1/comments").await.is_problem(404, "Post not found");
    post_of_ann(&app).await;
    assert_eq!(comment("/posts/1/comments").await.status, 201);
    app.finish().await;
}

#[tokio::test]
async fn a_key_is_plain_text() {
    let app = spawn().await;
    for bad in ["", "two words", "ü", &"x".repeat(256)] {
        let answer = post(&app, bad, "Hello", ANN).await;
        assert_eq!((answer.status, &answer.json["code"]), (400, &json!("bad_idempotency_key")), "{bad}");
    }
    let body = json!({ "title": "Hello", "content": "World" });
    let twice = app.post("/posts", body).header("idempotency-key", "a").header("idempotency-key", "b");
    assert_eq!(twice.as_user(1, "ann").send().await.status, 400);
    assert_eq!(post(&app, &"x".repeat(255), "Hello", ANN).await.status, 201);
    app.finish().await;
}

#[tokio::test]
async fn twins_have_one_effect() {
    let app = spawn().await;
    let twins = tokio::join!(
        post(&app, "k1", "Hello", ANN),
        post(&app, "k1", "Hello", ANN),
        post(&app, "k1", "Hello", ANN),
        post(&app, "k1", "Hello", ANN)
    );
    for twin in [twins.0, twins.1, twins.2, twins.3] {
        // Postgres runs the requests side by side and may refuse one with 409. SQLite runs them one after the other.
        assert!(matches!(twin.status, 201 | 409), "{}", twin.text);
    }
    assert_eq!(count(&app).await, 1);
    app.finish().await;
}

#[tokio::test]
async fn the_second_is_refused_while_the_first_is_worked_on() {
    use axum::extract::FromRequestParts;

    let app = spawn().await;
    if !shared::db::is_postgres(app.db().read()) {
        // SQLite has one writer, so that the second request waits, as `twins_have_one_effect` shows.
        return app.finish().await;
    }
    let request = || Request::builder().method(Method::POST).uri("/posts").header("idempotency-key", "k1");
    let key = async || {
        let (mut parts, ()) = request().body(()).unwrap().into_parts();
        IdempotencyKey::from_request_parts(&mut parts, &()).await.unwrap()
    };
    let (mut first, mut second) = (key().await, key().await);
    let (who, body) = (Some(UserId(1)), [b"body".as_slice()]);
    let tx = app.db().begin().await.unwrap();
    assert!(first.find(&tx, who, &body).await.unwrap().is_none());
    let twin = app.db().begin().await.unwrap();
    let refused = second.find(&twin, who, &body).await.unwrap_err();
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    first.answer(&tx, StatusCode::CREATED, &json!({ "id": 7 })).await.unwrap();
    tx.commit().await.unwrap();
    let known = second.find(&twin, who, &body).await.unwrap().unwrap();
    assert_eq!(to_bytes(known.into_response().into_body(), 100).await.unwrap().as_ref(), br#"{"id":7}"#);
    twin.rollback().await.unwrap();
    app.finish().await;
}

#[tokio::test]
async fn what_nobody_in_particular_leaves_behind_is_bounded() {
    let app = spawn().await;
    let path = format!("/posts/{}/views", post_of_ann(&app).await);
    let hit = async |key: &str| {
        app.clock.advance(Duration::from_secs(1));
        app.post(&path, Value::Null).header("idempotency-key", key).send().await
    };
    post(&app, "of-ann", "Hello", ANN).await;
    for number in 0..20 {
        assert_eq!(hit(&format!("k{number}")).await.status, 200);
    }
    idempotency::remove_surplus(app.db(), 5).await.unwrap();
    let kept =
        idempotency::Entity::find().filter(idempotency::Column::AnonymousAt.is_not_null()).count(app.db().read());
    assert_eq!(kept.await.unwrap(), 5);
    assert_eq!(hit("k19").await.headers["idempotency-replayed"], "true", "the newest are kept");
    assert_eq!(hit("k3").await.headers.get("idempotency-replayed"), None);
    assert_eq!(
        post(&app, "of-ann", "Hello", ANN).await.headers["idempotency-replayed"],
        "true",
        "people's own are kept"
    );
    app.finish().await;
}
