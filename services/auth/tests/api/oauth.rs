//! The OAuth 2.0 token endpoint: its grants and the form of its errors.

use axum::http::Method;
use serde_json::json;
use testkit::app::{Answer, TestApp};

use crate::people::{PASSWORD, events, join, register, spawn, text};

const FORM: &str = "application/x-www-form-urlencoded";

async fn ask(app: &TestApp, form: impl Into<Vec<u8>>) -> Answer {
    app.call(Method::POST, "/auth/token", None).body(FORM, form).send().await
}

#[track_caller]
fn is_error(answer: &Answer, error: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(answer.json["error"], error, "{}", answer.text);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.json.as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn both_grants_give_tokens() {
    let app = spawn().await;
    join(&app, "ann").await;
    let password = PASSWORD.replace(' ', "+");
    let answer = ask(&app, format!("grant_type=password&username=ann&password={password}&scope=all&client_id=x")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!((&answer.json["token_type"], &answer.json["expires_in"]), (&json!("Bearer"), &json!(600)));
    let refresh = text(&answer.json, "refresh_token");
    let answer = ask(&app, format!("grant_type=refresh_token&refresh_token={refresh}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(app.get("/auth/me").bearer(&text(&answer.json, "access_token")).send().await.status, 200);
    events(&app).await;
}

#[tokio::test]
async fn errors_have_the_form_of_the_standard() {
    let app = spawn().await;
    register(&app, "bob").await;
    let password = PASSWORD.replace(' ', "+");
    is_error(&ask(&app, "grant_type=password&username=ann&password=wrong").await, "invalid_grant");
    is_error(&ask(&app, format!("grant_type=password&username=bob&password={password}")).await, "invalid_grant");
    is_error(&ask(&app, "grant_type=refresh_token&refresh_token=wrong").await, "invalid_grant");
    is_error(&ask(&app, "grant_type=client_credentials").await, "unsupported_grant_type");
    let long = format!("grant_type=password&username=ann&password={}", "x".repeat(2_000));
    let huge = format!("grant_type={}", "x".repeat(70_000));
    for bad in [
        "",
        "nonsense",
        "grant_type=",
        "grant_type=password",
        "grant_type=password&username=ann",
        "grant_type=password&grant_type=password&username=ann&password=x",
        "grant_type=refresh_token",
        &long,
        &huge,
    ] {
        is_error(&ask(&app, bad).await, "invalid_request");
    }
    is_error(&ask(&app, b"grant_type=password&username=%00&password=%ff\xff".to_vec()).await, "invalid_grant");
    is_error(&app.post("/auth/token", json!({ "grant_type": "password" })).send().await, "invalid_request");
    events(&app).await;
}
