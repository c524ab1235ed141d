//! Login: wrong passwords and unknown usernames get the same answer and cost the same work.

use std::time::Duration;

use axum::http::Method;
use axum_prometheus::metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::json;
use testkit::app::{Answer, TestApp};

use crate::people::{PASSWORD, events, join, log_in, pointers, register, spawn, spawn_limited};

/// The number of hashes so far, for new passwords and for checks.
fn hashes(metrics: &PrometheusHandle) -> u64 {
    let text = metrics.render();
    let line = text.lines().find(|line| line.starts_with("password_hashes_total"));
    line.and_then(|line| line.rsplit(' ').next()).and_then(|count| count.parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn the_answer_is_complete() {
    let app = spawn().await;
    join(&app, "ann").await;
    let answer = app.post("/auth/login", json!({ "username": "Ann", "password": PASSWORD })).send().await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let mut body = answer.json;
    for field in ["token", "refresh_token"] {
        assert!(body[field].as_str().unwrap().len() > 40);
        body[field] = json!(field);
    }
    let id = body["user_id"].as_i64().unwrap();
    let expected = json!({
        "message": "Login successful", "token": "token", "token_type": "Bearer", "expires_in": 600,
        "refresh_token": "refresh_token", "user_id": id
    });
    assert_eq!(body, expected);
    events(&app).await;
}

#[tokio::test]
async fn known_and_unknown_people_cost_the_same() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let app = spawn().await;
    join(&app, "ann").await;
    register(&app, "bob").await;
    let id = log_in(&app, "ann").await["user_id"].clone();
    for (username, password, status) in [
        ("ann", "a wrong password", 401),
        ("nobody", "a wrong password", 401),
        ("not a name", "a wrong password", 401),
        ("bob", "a wrong password", 401),
        ("bob", PASSWORD, 403),
        ("ann", PASSWORD, 200),
    ] {
        let before = hashes(&metrics);
        let answer = app.post("/auth/login", json!({ "username": username, "password": password })).send().await;
        assert_eq!(answer.status, status, "{username}: {}", answer.text);
        assert_eq!(hashes(&metrics) - before, 1, "{username}");
        if status == 401 {
            answer.is_problem(401, "Invalid credentials");
        }
    }
    for (username, email) in [("carl", "carl@example.org"), ("dora", "ann@example.org"), ("ann", "eve@example.org")] {
        let before = hashes(&metrics);
        let body = json!({ "username": username, "email": email, "password": PASSWORD });
        app.post("/auth/register", body).send().await;
        assert_eq!(hashes(&metrics) - before, 1, "{username} {email}");
    }
    events(&app).await;
    app.deliver("moderation.user", &[json!({ "id": id, "version": 1, "blocked": true })]).await;
    let before = hashes(&metrics);
    app.post("/auth/login", json!({ "username": "ann", "password": PASSWORD }))
        .send()
        .await
        .is_problem(403, "Account blocked");
    app.post("/auth/login", json!({ "username": "ann", "password": "a wrong one" }))
        .send()
        .await
        .is_problem(401, "Invalid credentials");
    assert_eq!(hashes(&metrics) - before, 2);
    events(&app).await;
}

#[tokio::test]
async fn bad_fields_are_named() {
    let app = spawn().await;
    for (field, bad) in [
        ("username", json!("")),
        ("username", json!("x".repeat(255))),
        ("username", json!("ann\0")),
        ("username", json!(1)),
        ("password", json!("")),
        ("password", json!("x".repeat(129))),
        ("password", json!(null)),
        ("otp", json!("123456")),
    ] {
        let mut body = json!({ "username": "ann", "password": PASSWORD });
        body[field] = bad;
        let answer = app.post("/auth/login", body).send().await;
        answer.is_problem(422, "");
        assert_eq!(pointers(&answer), [format!("/{field}")]);
    }
}

/// Sends a login from an address, as a gateway passes it on.
async fn log_in_from(app: &TestApp, address: &str, username: &str, password: &str) -> Answer {
    let body = json!({ "username": username, "password": password });
    app.post("/auth/login", body).header("x-forwarded-for", address).send().await
}

#[tokio::test]
async fn wrong_passwords_are_limited_and_strangers_lock_nobody_out() {
    const HOME: &str = "192.0.2.1";
    const STRANGER: &str = "203.0.113.9";
    let app = spawn_limited().await;
    join(&app, "ann").await;
    // Right passwords do not count.
    for _ in 0..15 {
        assert_eq!(log_in_from(&app, HOME, "ann", PASSWORD).await.status, 200);
    }
    // A username without an account is treated alike, however it is written.
    for [name, again] in [["ann", "ANN"], ["nobody", "Nobody"]] {
        for _ in 0..10 {
            log_in_from(&app, STRANGER, name, "a wrong password").await.is_problem(401, "Invalid credentials");
        }
        let refused = log_in_from(&app, "203.0.113.10", again, PASSWORD).await;
        refused.is_problem(429, "Too many tries, try again later");
        assert_eq!(refused.headers["retry-after"], "2");
    }
    let form = format!("grant_type=password&username=ann&password={}", PASSWORD.replace(' ', "+"));
    let call = app.call(Method::POST, "/auth/token", None).header("x-forwarded-for", STRANGER);
    call.body("application/x-www-form-urlencoded", form).send().await.is_problem(429, "");
    // The address from which she has logged in before has tries of its own.
    for _ in 0..10 {
        log_in_from(&app, HOME, "ann", "a wrong password").await.is_problem(401, "");
    }
    log_in_from(&app, HOME, "ann", PASSWORD).await.is_problem(429, "");
    app.clock.advance(Duration::from_secs(2));
    assert_eq!(log_in_from(&app, HOME, "ann", PASSWORD).await.status, 200);
    log_in_from(&app, STRANGER, "ann", "a wrong password").await.is_problem(401, "");
    log_in_from(&app, STRANGER, "ann", "a wrong password").await.is_problem(429, "");
    events(&app).await;
}

#[tokio::test]
async fn guesses_at_the_same_moment_get_no_tries_more() {
    let app = spawn_limited().await;
    join(&app, "ann").await;
    let guesses = (0..30).map(|_| log_in_from(&app, "203.0.113.9", "ann", "a wrong password"));
    let answers = futures_util::future::join_all(guesses).await;
    let checked = answers.iter().filter(|answer| answer.status != 429).count();
    assert_eq!(checked, 10, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
    events(&app).await;
}
