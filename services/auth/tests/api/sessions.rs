//! The sessions of a person: the list, their end, and the stream by which other services learn of it.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::app::{TestApp, claims};

use crate::people::{events, log_in, member, spawn, text};

async fn list(app: &TestApp, token: &str) -> Vec<Value> {
    let answer = app.get("/auth/sessions").bearer(token).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["sessions"].as_array().unwrap().clone()
}

/// The `session_end` states that were published since the last call.
async fn ends(app: &TestApp) -> Vec<Value> {
    let events = events(app).await;
    events.into_iter().filter(|(stream, _)| stream == "session_end").map(|(_, state)| state).collect()
}

async fn is_over(app: &TestApp, pair: &Value) {
    let ended = "The session has ended, log in again";
    app.get("/auth/me").bearer(&text(pair, "token")).send().await.is_problem(401, ended);
    let refresh = json!({ "refresh_token": pair["refresh_token"] });
    app.post("/auth/refresh", refresh).send().await.is_problem(401, "The refresh token is not valid");
}

#[tokio::test]
async fn the_list_names_clients_and_times_and_the_current_session() {
    let app = spawn().await;
    member(&app, "ann").await;
    let body = json!({ "username": "ann", "password": crate::people::PASSWORD });
    app.clock.advance(Duration::from_secs(60));
    let pair = app.post("/auth/login", body).header("user-agent", "Phone/1.0").send().await.json;
    app.clock.advance(Duration::from_secs(60));
    let refresh = app.post("/auth/refresh", json!({ "refresh_token": pair["refresh_token"] }));
    let pair = refresh.header("user-agent", "Phone/1.1").send().await.json;
    let (member_of_other, token) = (member(&app, "bob").await, text(&pair, "token"));
    let sessions = list(&app, &token).await;
    assert_eq!(sessions.len(), 2);
    let expected = json!({
        "id": claims(&token).sid, "client": "Phone/1.1", "address": null, "application": null, "scope": null, "current": true,
        "started_at": "2026-03-01T12:01:00.000000Z", "last_used_at": "2026-03-01T12:02:00.000000Z"
    });
    assert_eq!(sessions[0], expected);
    assert_eq!((&sessions[1]["current"], &sessions[1]["client"]), (&json!(false), &Value::Null));
    assert_eq!(sessions[1]["last_used_at"], sessions[1]["started_at"]);
    // Nobody sees or ends the sessions of others.
    assert_eq!(list(&app, &member_of_other.1).await.len(), 1);
    let others = format!("/auth/sessions/{}", sessions[0]["id"]);
    app.delete(&others).bearer(&member_of_other.1).send().await.is_problem(404, "Session not found");
    app.clock.advance(Duration::from_secs(31 * 86_400));
    let pair = log_in(&app, "ann").await;
    assert_eq!(list(&app, &text(&pair, "token")).await.len(), 1, "the others have expired");
    events(&app).await;
}

#[tokio::test]
async fn each_way_to_end_a_session_ends_its_tokens_and_is_published() {
    let app = spawn().await;
    member(&app, "ann").await;
    events(&app).await;
    let kept = log_in(&app, "ann").await;
    let token = text(&kept, "token");
    for way in ["logout", "delete", "reuse"] {
        let ended = log_in(&app, "ann").await;
        let sid = claims(&text(&ended, "token")).sid;
        let refresh = json!({ "refresh_token": ended["refresh_token"] });
        match way {
            "logout" => assert_eq!(app.post("/auth/logout", refresh).send().await.status, 204),
            "delete" => {
                let path = format!("/auth/sessions/{sid}");
                assert_eq!(app.delete(&path).bearer(&token).send().await.status, 204);
                app.delete(&path).bearer(&token).send().await.is_problem(404, "Session not found");
            }
            _ => {
                assert_eq!(app.post("/auth/refresh", refresh.clone()).send().await.status, 200);
                app.clock.advance(Duration::from_secs(11));
                app.post("/auth/refresh", refresh).send().await.is_problem(401, "");
            }
        }
        is_over(&app, &ended).await;
        let states = ends(&app).await;
        assert_eq!(states.len(), 1, "{way}");
        assert_eq!(
            (&states[0]["id"], &states[0]["version"], &states[0]["deleted"]),
            (&json!(sid), &json!(1), &json!(false))
        );
        assert!(states[0]["expires_at"].is_string());
    }
    let [one, two] = [log_in(&app, "ann").await, log_in(&app, "ann").await];
    assert_eq!(app.delete("/auth/sessions").bearer(&token).send().await.status, 204);
    for ended in [&one, &two] {
        is_over(&app, ended).await;
    }
    assert_eq!(ends(&app).await.len(), 3, "these two, and the first one of all");
    assert_eq!(list(&app, &token).await.len(), 1);
    app.delete("/auth/sessions/4711").bearer(&token).send().await.is_problem(404, "Session not found");
    app.finish().await;
}

/// A state says when the last token of its session expires, so that copies know when to delete it.
#[tokio::test]
async fn the_end_of_a_session_outlives_its_tokens() {
    let app = spawn().await;
    let (_, token, refresh) = member(&app, "ann").await;
    assert_eq!(app.post("/auth/logout", json!({ "refresh_token": refresh })).send().await.status, 204);
    let states = ends(&app).await;
    let expires_at = states[0]["expires_at"].as_str().unwrap();
    // Issued at 12:00 for ten minutes, and a service accepts it for half a minute longer.
    assert!(expires_at > "2026-03-01T12:10:30", "{expires_at}");
    assert_eq!(claims(&token).exp - claims(&token).iat, 600);
}
