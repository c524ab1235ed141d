//! Refresh tokens: rotation, reuse, lost answers, age, logout.

use std::time::Duration;

use serde_json::json;
use testkit::app::{Answer, TestApp};

use crate::people::{events, member, spawn, text};

async fn refresh(app: &TestApp, token: &str) -> Answer {
    app.post("/auth/refresh", json!({ "refresh_token": token })).send().await
}

async fn rotated(app: &TestApp, token: &str) -> String {
    let answer = refresh(app, token).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    text(&answer.json, "refresh_token")
}

async fn is_refused(app: &TestApp, token: &str) {
    refresh(app, token).await.is_problem(401, "The refresh token is not valid");
}

#[tokio::test]
async fn a_refresh_gives_a_new_pair_that_works() {
    let app = spawn().await;
    let (_, _, first) = member(&app, "ann").await;
    let answer = refresh(&app, &first).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let fields: Vec<&String> = answer.json.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["expires_in", "refresh_token", "token", "token_type"]);
    assert_eq!(app.get("/auth/me").bearer(&text(&answer.json, "token")).send().await.status, 200);
    let second = text(&answer.json, "refresh_token");
    assert_ne!(first, second);
    rotated(&app, &second).await;
    events(&app).await;
}

#[tokio::test]
async fn a_used_token_ends_the_session() {
    let app = spawn().await;
    let (_, _, first) = member(&app, "ann").await;
    let second = rotated(&app, &first).await;
    app.clock.advance(Duration::from_secs(11));
    is_refused(&app, &first).await;
    is_refused(&app, &second).await;
    events(&app).await;
}

#[tokio::test]
async fn a_lost_answer_is_forgiven_for_ten_seconds() {
    let app = spawn().await;
    let (_, _, first) = member(&app, "ann").await;
    let lost = rotated(&app, &first).await;
    app.clock.advance(Duration::from_secs(10));
    let second = rotated(&app, &first).await;
    let third = rotated(&app, &second).await;
    // Now the successor was used, so the first one has two holders.
    is_refused(&app, &first).await;
    is_refused(&app, &third).await;
    is_refused(&app, &lost).await;
    events(&app).await;
}

#[tokio::test]
async fn who_has_the_lost_answer_after_all_is_noticed() {
    let app = spawn().await;
    let (_, _, first) = member(&app, "ann").await;
    let lost = rotated(&app, &first).await;
    let second = rotated(&app, &first).await;
    is_refused(&app, &lost).await;
    is_refused(&app, &second).await;
    events(&app).await;
}

#[tokio::test]
async fn sessions_end_by_rest_and_by_age() {
    let app = spawn().await;
    let day = Duration::from_secs(86_400);
    let (_, _, resting) = member(&app, "ann").await;
    app.clock.advance(day * 30);
    is_refused(&app, &resting).await;
    let (_, _, mut busy) = member(&app, "bob").await;
    for _ in 0..4 {
        app.clock.advance(day * 22);
        busy = rotated(&app, &busy).await;
    }
    app.clock.advance(day * 2);
    is_refused(&app, &busy).await;
    events(&app).await;
}

#[tokio::test]
async fn a_logout_ends_one_session_and_is_harmless_twice() {
    let app = spawn().await;
    let (_, _, here) = member(&app, "ann").await;
    let there = text(&crate::people::log_in(&app, "ann").await, "refresh_token");
    for token in [&here, &here, &"unknown".to_owned()] {
        let answer = app.post("/auth/logout", json!({ "refresh_token": token })).send().await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    }
    is_refused(&app, &here).await;
    rotated(&app, &there).await;
    events(&app).await;
}

#[tokio::test]
async fn two_requests_at_once_get_one_successor_that_lives() {
    let app = spawn().await;
    let (_, _, first) = member(&app, "ann").await;
    let (one, two) = tokio::join!(refresh(&app, &first), refresh(&app, &first));
    assert_eq!((one.status, two.status), (200, 200));
    events(&app).await;
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused() {
    let app = spawn().await;
    let (_, access, _) = member(&app, "ann").await;
    for bad in ["x", "\0", "A".repeat(43).as_str(), "ä"] {
        is_refused(&app, bad).await;
    }
    for path in ["/auth/refresh", "/auth/logout"] {
        let long = json!({ "refresh_token": access });
        for bad in
            [json!({}), json!({ "refresh_token": "" }), json!({ "refresh_token": 1 }), json!({ "token": "x" }), long]
        {
            app.post(path, bad).send().await.is_problem(422, "");
        }
    }
    events(&app).await;
}
