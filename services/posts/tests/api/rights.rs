//! What each operation asks for: the parts of a request, a session that lasts, and an author's own things.

use axum::http::Method;
use serde_json::{Value, json};

use crate::{post_of_ann, spawn};

#[tokio::test]
async fn what_is_described_as_optional_may_be_missing_and_nothing_else() {
    let app = spawn().await;
    app.check_optional(&[]).await;
    app.finish().await;
}

#[tokio::test]
async fn a_session_that_has_ended_is_refused_at_once() {
    let app = spawn().await;
    app.check_ended_sessions("/likes?post_id=1").await;
    app.finish().await;
}

#[tokio::test]
async fn nobody_but_the_author_changes_or_deletes() {
    let app = spawn().await;
    let post = post_of_ann(&app).await;
    let said =
        app.post(&format!("/posts/{post}/comments"), json!({ "content": "Mine" })).as_user(1, "ann").send().await;
    let (of_post, of_comment) =
        (format!("/posts/{post}"), format!("/posts/{post}/comments/{}", said.json["comment"]["id"]));
    // The comment comes first, because it is hidden with its post.
    let operations = [
        (Method::PATCH, &of_comment, json!({ "content": "Changed" })),
        (Method::DELETE, &of_comment, Value::Null),
        (Method::PATCH, &of_post, json!({ "title": "Changed" })),
        (Method::DELETE, &of_post, Value::Null),
    ];
    app.events().await;
    for (method, path, body) in operations {
        let call = || app.call(method.clone(), path, Some(body.clone()));
        call().send().await.is_problem(401, "An access token is required");
        call().as_user(2, "bob").send().await.is_problem(403, "Only the author may do this");
        call().as_admin().send().await.is_problem(403, "Only the author may do this");
        assert_eq!(app.events().await, [], "nothing has happened");
        assert_eq!(call().as_user(1, "ann").send().await.status, 200);
        assert_ne!(app.events().await, []);
    }
    app.finish().await;
}
