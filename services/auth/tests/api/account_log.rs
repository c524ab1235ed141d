//! The log of accounts: what is written, who reads it, and what is left when a person leaves.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use testkit::app::TestApp;

use crate::people::{PASSWORD, link, mails, member, spawn, text};

/// Tries to log in from an address.
async fn log_in_from(app: &TestApp, name: &str, password: &str, address: &str) -> (u16, Value) {
    let login = app.post("/auth/login", json!({ "username": name, "password": password }));
    let answer = login.header("x-forwarded-for", address).send().await;
    (answer.status, answer.json)
}

async fn admin(app: &TestApp) -> String {
    text(&log_in_from(app, "admin", "secret", "203.0.113.9").await.1, "token")
}

/// The entries of a log, newest first.
async fn entries(app: &TestApp, path: &str, token: &str) -> Vec<Value> {
    let answer = app.get(path).bearer(token).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["entries"].as_array().unwrap().clone()
}

fn kinds(entries: &[Value]) -> Vec<String> {
    entries.iter().map(|entry| text(entry, "kind")).collect()
}

#[tokio::test]
async fn failed_tries_of_an_hour_are_one_entry_also_for_a_username_that_nobody_has() {
    let app = spawn().await;
    let (id, token, _) = member(&app, "ann").await;
    for number in 1..=3 {
        assert_eq!(log_in_from(&app, "ann", "wrong", &format!("192.0.2.{number}")).await.0, 401);
        assert_eq!(log_in_from(&app, "nobody", "wrong", "192.0.2.9").await.0, 401);
    }
    let own = entries(&app, "/auth/me/log", &token).await;
    assert_eq!(kinds(&own), ["sign_in_failed", "signed_in", "address_confirmed"]);
    assert_eq!((&own[0]["count"], &own[0]["address"]), (&json!(3), &json!("192.0.2.3")));
    assert_eq!((&own[0]["by_yourself"], &own[1]["by_yourself"]), (&json!(false), &json!(true)));
    let all = entries(&app, "/auth/log", &admin(&app).await).await;
    let of_nobody = all.iter().find(|entry| entry["kind"] == "sign_in_failed" && entry["user_id"].is_null()).unwrap();
    assert_eq!(of_nobody["count"], 3);
    assert_eq!(of_nobody["request_id"].as_str().unwrap().len(), 32);
    assert_eq!(all.iter().filter(|entry| entry["user_id"] == id).count(), 3);
    // The next hour has an entry of its own.
    app.clock.advance(Duration::from_secs(3_600));
    assert_eq!(log_in_from(&app, "ann", "wrong", "192.0.2.1").await.0, 401);
    let token = text(&log_in_from(&app, "ann", PASSWORD, "192.0.2.1").await.1, "token");
    let own = entries(&app, "/auth/me/log", &token).await;
    assert_eq!(kinds(&own)[..3], ["signed_in", "sign_in_failed", "sign_in_failed"]);
    assert_eq!(own[1]["count"], 1);
    app.finish().await;
}

#[tokio::test]
async fn what_a_person_does_to_the_account_is_written_and_nothing_secret() {
    let app = spawn().await;
    let (_, token, refresh) = member(&app, "ann").await;
    let client = json!({ "name": "For my watch", "redirect_uris": ["https://app.example/callback"] });
    let client = app.post("/auth/clients", client).bearer(&token).send().await;
    let path = format!("/auth/clients/{}", text(&client.json, "client_id"));
    assert_eq!(app.call(Method::DELETE, &path, None).bearer(&token).send().await.status, 204);
    let change = json!({ "email": "new@example.org", "password": PASSWORD });
    assert_eq!(app.post("/auth/email", change).bearer(&token).send().await.status, 202);
    let confirm = link(&mails(&app, "new@example.org", 1).await[0]);
    assert_eq!(app.post(&confirm, Value::Null).send().await.status, 200);
    let new = "a piano, a tree, a cloud";
    let change = json!({ "current_password": PASSWORD, "password": new });
    assert_eq!(app.post("/auth/password/change", change).bearer(&token).send().await.status, 204);
    assert_eq!(app.call(Method::DELETE, "/auth/sessions", None).bearer(&token).send().await.status, 204);
    let own = entries(&app, "/auth/me/log", &token).await;
    let expected = [
        "sessions_ended",
        "password_changed",
        "email_changed",
        "client_deleted",
        "client_registered",
        "signed_in",
        "address_confirmed",
    ];
    assert_eq!(kinds(&own), expected);
    assert_eq!(app.post("/auth/logout", json!({ "refresh_token": refresh })).send().await.status, 204);
    let all = app.get("/auth/log").bearer(&admin(&app).await).send().await;
    assert_eq!(all.json["entries"][2]["kind"], "signed_out", "{}", all.text);
    for secret in [PASSWORD, new, "example.org", "ann", refresh.as_str(), "watch"] {
        assert!(!all.text.contains(secret), "{secret}");
    }
    app.finish().await;
}

#[tokio::test]
async fn what_admins_do_and_read_is_written_and_their_address_is_not_shown_to_others() {
    let app = spawn().await;
    let (id, _, _) = member(&app, "ann").await;
    let admin = admin(&app).await;
    let reset = app.post(&format!("/auth/users/{id}/password-reset"), Value::Null);
    assert_eq!(reset.header("x-forwarded-for", "203.0.113.9").bearer(&admin).send().await.status, 202);
    for path in ["/auth/applicants".to_owned(), "/auth/mails/parked".to_owned(), format!("/auth/log?user_id={id}")] {
        assert_eq!(app.get(&path).bearer(&admin).send().await.status, 200, "{path}");
    }
    let seen = entries(&app, "/auth/log", &admin).await;
    let expected = ["log_read", "log_read", "parked_mails_read", "applicants_read", "password_invalidated"];
    assert_eq!(kinds(&seen)[..5], expected);
    assert_eq!((&seen[4]["user_id"], &seen[4]["address"]), (&json!(id), &json!("203.0.113.9")));
    assert_eq!(seen[1]["user_id"], id);
    let own = app.post(&format!("/auth/users/{}/password-reset", seen[0]["actor_id"]), Value::Null);
    own.bearer(&admin).send().await.is_problem(422, "The request breaks a rule");
    // Ann chooses a new password and looks.
    let reset =
        mails(&app, "ann@example.org", 2).await.into_iter().find(|mail| mail["subject"] == "Choose a new password");
    let link = link(&reset.unwrap());
    let chosen = json!({ "token": link.rsplit('/').next(), "password": "a piano, a tree, a cloud" });
    assert_eq!(app.post("/auth/password/reset", chosen).send().await.status, 204);
    let token = text(&log_in_from(&app, "ann", "a piano, a tree, a cloud", "192.0.2.1").await.1, "token");
    let own = entries(&app, "/auth/me/log", &token).await;
    assert_eq!(kinds(&own)[..4], ["signed_in", "password_reset", "log_read", "password_invalidated"]);
    assert_eq!((&own[3]["by_yourself"], &own[3]["address"]), (&json!(false), &Value::Null));
    app.get("/auth/log").bearer(&token).send().await.is_problem(403, "Administrators only");
    app.finish().await;
}

#[tokio::test]
async fn a_person_who_leaves_leaves_no_entry() {
    let app = spawn().await;
    let (id, token, _) = member(&app, "ann").await;
    let leave = app.call(Method::DELETE, "/auth/me", Some(json!({ "password": PASSWORD })));
    assert_eq!(leave.bearer(&token).send().await.status, 202);
    let all = entries(&app, "/auth/log", &admin(&app).await).await;
    assert!(all.iter().all(|entry| entry["user_id"] != id && entry["actor_id"] != id), "{all:?}");
    app.finish().await;
}
