//! Requests of other people's clients: scopes, and web pages of other origins.

use axum::http::Method;
use serde_json::json;
use shared::auth::{AUDIENCE, ISSUER};
use testkit::app::{Answer, TestApp};

use crate::spawn;

/// An access token with these scopes.
fn token(app: &TestApp, scope: &str, role: &str) -> String {
    let now = app.clock.now().unix_seconds();
    app.sign(&json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "1", "exp": now + 600, "nbf": now, "iat": now, "jti": "test",
        "username": "ann", "role": role, "sv": 0, "scope": scope
    }))
}

#[tokio::test]
async fn a_token_does_what_its_scopes_say() {
    let app = spawn().await;
    let post = json!({ "title": "Hello", "content": "World" });
    let attempt = async |scope| app.post("/posts", post.clone()).bearer(&token(&app, scope, "user")).send().await;
    let refused = attempt("read").await;
    refused.is_problem(403, "The access token was not granted the scope for this");
    assert_eq!(refused.json["code"], "insufficient_scope");
    assert_eq!(attempt("read write").await.status, 201);
    let likes = async |scope| app.get("/likes?post_id=1").bearer(&token(&app, scope, "user")).send().await.status;
    assert_eq!((likes("read").await, likes("write").await), (200, 200));
    attempt("everything").await.is_problem(401, "The access token is not valid");
    app.finish().await;
}

/// Asks whether a page of the origin may post.
async fn preflight(app: &TestApp) -> Answer {
    app.call(Method::OPTIONS, "/posts", None)
        .header("origin", "https://app.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization")
        .send()
        .await
}

#[tokio::test]
async fn pages_of_other_origins_may_call_only_when_the_operator_says_so() {
    let app = spawn().await;
    assert!(!preflight(&app).await.headers.contains_key("access-control-allow-origin"));
    let shown = app.get("/posts").header("origin", "https://app.example").send().await;
    assert!(!shown.headers.contains_key("access-control-allow-origin"));
    app.finish().await;

    let app = TestApp::spawn(posts::NAME, async |mut deps| {
        deps.settings.cors_origins = vec!["https://app.example".parse().unwrap()];
        let config = posts::Config::from_env(&shared::config::Env::default(), &deps.settings).unwrap();
        posts::build(&config, deps).unwrap()
    })
    .await;
    let answer = preflight(&app).await;
    assert_eq!(answer.headers["access-control-allow-origin"], "https://app.example");
    assert!(answer.headers["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
    assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    // Errors can be read by the page too.
    let missing = app.get("/posts/9").header("origin", "https://app.example").send().await;
    assert_eq!(
        (missing.status, &missing.headers["access-control-allow-origin"]),
        (404, &"https://app.example".parse().unwrap())
    );
    let stranger = app.get("/posts").header("origin", "https://evil.example").send().await;
    assert!(!stranger.headers.contains_key("access-control-allow-origin"));
    app.finish().await;
}
