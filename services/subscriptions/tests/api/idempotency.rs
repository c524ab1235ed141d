//! Idempotency keys of the small writes: a repeated request gets the first answer, and takes no effect.

use axum::http::Method;
use serde_json::{Value, json};
use testkit::app::{Answer, TestApp};

use crate::spawn_with_people;

async fn send(app: &TestApp, key: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
    app.call(method, path, body).header("idempotency-key", key).as_user(1, "ann").send().await
}

#[tokio::test]
async fn small_writes_are_repeated_without_effect() {
    let app = spawn_with_people().await;
    let (post, delete, put) = (Method::POST, Method::DELETE, Method::PUT);
    let writes = [
        (&post, "/subscribe/2", None),
        (&delete, "/unsubscribe/2", None),
        (&post, "/users/2/mute", None),
        (&delete, "/users/2/mute", None),
        (&post, "/users/2/block", None),
        (&delete, "/users/2/block", None),
        (&put, "/notifications/settings", Some(json!({ "muted": ["like"] }))),
        (&post, "/notifications/read", Some(json!({ "up_to": "2026-01-01T00:00:00Z" }))),
    ];
    for (method, path, body) in &writes {
        let first = send(&app, "k", (*method).clone(), path, body.clone()).await;
        assert_eq!((first.status, first.headers.get("idempotency-replayed")), (200, None), "{method} {path}");
    }
    let published = app.events().await.len();
    // All of it is undone by now, so a write that took effect again would be seen or refused.
    for (method, path, body) in &writes {
        let again = send(&app, "k", (*method).clone(), path, body.clone()).await;
        assert_eq!(again.status, 200, "{method} {path}: {}", again.text);
        assert_eq!(again.headers["idempotency-replayed"], "true", "{method} {path}");
    }
    assert_eq!((published, app.events().await.len()), (2, 0), "the block and its end");
    for list in ["/mutes", "/blocks", "/users/1/following"] {
        assert_eq!(app.get(list).as_user(1, "ann").send().await.json["users"], json!([]), "{list}");
    }
    let other = Some(json!({ "muted": [] }));
    let other = send(&app, "k", Method::PUT, "/notifications/settings", other).await;
    other.is_problem(422, "This Idempotency-Key belongs to a request with another body");
    app.finish().await;
}

#[tokio::test]
async fn a_refusal_is_not_kept() {
    let app = spawn_with_people().await;
    send(&app, "k", Method::DELETE, "/users/2/mute", None).await.is_problem(404, "Mute not found");
    send(&app, "k", Method::POST, "/users/2/mute", None).await;
    for replayed in [None, Some("true")] {
        let ended = send(&app, "k", Method::DELETE, "/users/2/mute", None).await;
        let header = ended.headers.get("idempotency-replayed").map(|value| value.to_str().unwrap());
        assert_eq!((ended.status, header), (200, replayed));
    }
    app.finish().await;
}
