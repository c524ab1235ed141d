//! Login: wrong passwords and unknown usernames get the same answer and cost the same work.

use axum_prometheus::metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::json;

use crate::people::{PASSWORD, events, join, log_in, pointers, register, spawn};

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
