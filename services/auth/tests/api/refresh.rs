//! Refresh tokens: rotation, reuse, lost answers, age and logout.

use std::time::Duration;

use axum::http::Method;
use futures_util::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
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
async fn the_same_token_gives_the_same_living_successor_to_all_tabs() {
    let app = spawn().await;
    let (_, _, first) = member(&app, "ann").await;
    let tabs = join_all((0..10).map(|_| refresh(&app, &first))).await;
    let second = text(&tabs[0].json, "refresh_token");
    for tab in &tabs {
        assert_eq!((tab.status, text(&tab.json, "refresh_token")), (200, second.clone()), "{}", tab.text);
        assert_eq!(app.get("/auth/me").bearer(&text(&tab.json, "token")).send().await.status, 200);
    }
    app.clock.advance(Duration::from_secs(10));
    assert_eq!(rotated(&app, &first).await, second, "a lost answer comes again");
    // Ten seconds later the successor is still valid for all tabs, as JSON and at the OAuth endpoint.
    app.clock.advance(Duration::from_secs(10));
    let third = rotated(&app, &second).await;
    let form = format!("grant_type=refresh_token&refresh_token={second}");
    let oauth = app.call(Method::POST, "/auth/token", None).body("application/x-www-form-urlencoded", form);
    assert_eq!(text(&oauth.send().await.json, "refresh_token"), third);
    is_refused(&app, &first).await;
    is_refused(&app, &third).await;
    events(&app).await;
}

/// A tab that still has the first token gets the newest one, and not the second, which another tab has used.
#[tokio::test]
async fn a_late_tab_gets_the_end_of_the_chain() {
    let app = spawn().await;
    let (_, _, first) = member(&app, "ann").await;
    let second = rotated(&app, &first).await;
    let third = rotated(&app, &second).await;
    app.clock.advance(Duration::from_secs(9));
    let late = rotated(&app, &first).await;
    assert_eq!(late, third);
    app.clock.advance(Duration::from_secs(600));
    rotated(&app, &late).await;
    events(&app).await;
}

/// Five tabs refresh in random order. Within the window none of them is signed out.
#[tokio::test]
async fn any_order_of_refreshes_within_the_window_keeps_the_session() {
    for seed in 0..4_u64 {
        let app = spawn().await;
        let (_, _, first) = member(&app, "ann").await;
        let mut random = StdRng::seed_from_u64(seed);
        let mut tabs = vec![first.clone(); 5];
        for _ in 0..25 {
            app.clock.advance(Duration::from_millis(random.random_range(0..400)));
            let at_once: Vec<usize> = (0..tabs.len()).filter(|_| random.random_bool(0.4)).collect();
            let answers = join_all(at_once.iter().map(|&tab| rotated(&app, &tabs[tab]))).await;
            for (tab, token) in at_once.into_iter().zip(answers) {
                tabs[tab] = token;
            }
        }
        let last = join_all(tabs.iter().map(|token| rotated(&app, token))).await;
        let living = rotated(&app, &last[0]).await;
        app.clock.advance(Duration::from_secs(11));
        let next = rotated(&app, &living).await;
        is_refused(&app, &first).await;
        is_refused(&app, &next).await;
        events(&app).await;
    }
}

#[tokio::test]
async fn what_ended_within_the_window_is_not_revived() {
    let app = spawn().await;
    let (_, _, first) = member(&app, "ann").await;
    let second = rotated(&app, &first).await;
    assert_eq!(app.post("/auth/logout", json!({ "refresh_token": second })).send().await.status, 204);
    is_refused(&app, &first).await;
    is_refused(&app, &second).await;
    events(&app).await;

    let (id, _, first) = member(&app, "bob").await;
    let second = rotated(&app, &first).await;
    for (version, blocked) in [(1, true), (2, false)] {
        app.deliver("moderation.user", &[json!({ "id": id, "version": version, "blocked": blocked })]).await;
        is_refused(&app, &first).await;
        is_refused(&app, &second).await;
    }
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
