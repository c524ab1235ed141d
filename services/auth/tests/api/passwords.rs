//! Passwords that are forgotten, reset and changed.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use testkit::app::{Answer, TestApp};

use crate::people::{PASSWORD, events, link, log_in, mails, member, pointers, register, spawn, text};

const NEW: &str = "another horse, another lamp";
const BAD_RESET: &str = "Reset link or code is invalid or expired";
const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

async fn forget(app: &TestApp, email: &str) {
    let answer = app.post("/auth/password/forgot", json!({ "email": email })).send().await;
    assert_eq!(answer.status, 202, "{}", answer.text);
}

async fn reset(app: &TestApp, body: Value) -> Answer {
    app.post("/auth/password/reset", body).send().await
}

/// The token and the code in a mail.
fn proofs(mail: &Value) -> (String, String) {
    let (path, text) = (link(mail), mail["text"].as_str().unwrap());
    let (_, rest) = text.split_once("asked: ").unwrap();
    (path.rsplit_once('/').unwrap().1.to_owned(), rest.split_whitespace().next().unwrap().to_owned())
}

async fn status_of_login(app: &TestApp, password: &str) -> u16 {
    app.post("/auth/login", json!({ "username": "ann", "password": password })).send().await.status
}

#[tokio::test]
async fn a_link_resets_the_password_once_and_ends_all_sessions() {
    let app = spawn().await;
    let (_, access, refresh) = member(&app, "ann").await;
    events(&app).await;
    forget(&app, "ANN@example.org").await;
    let mail = mails(&app, "ann@example.org", 2).await.swap_remove(0);
    assert_eq!(mail["subject"], "Choose a new password");
    let (token, _) = proofs(&mail);
    for bad in ["1234567", "password123", "ann@example.org"] {
        reset(&app, json!({ "token": token, "password": bad })).await.is_problem(422, "");
    }
    assert_eq!(reset(&app, json!({ "token": token, "password": NEW })).await.status, 204);
    assert_eq!((status_of_login(&app, PASSWORD).await, status_of_login(&app, NEW).await), (401, 200));
    app.get("/auth/me").bearer(&access).send().await.is_problem(401, "The session has ended, log in again");
    app.post("/auth/refresh", json!({ "refresh_token": refresh })).send().await.is_problem(401, "");
    let states = events(&app).await;
    let user = states.iter().find(|(stream, _)| stream == "user").unwrap();
    assert_eq!(user.1["session_version"], 1, "other services refuse the tokens too");
    assert_eq!(states.len(), 1, "the version ends all tokens at once: {states:?}");
    let notice = mails(&app, "ann@example.org", 3).await.swap_remove(0);
    assert_eq!(notice["subject"], "Your password was changed");
    reset(&app, json!({ "token": token, "password": NEW })).await.is_problem(404, BAD_RESET);
}

#[tokio::test]
async fn a_code_resets_the_password_and_can_be_tried_five_times() {
    let app = spawn().await;
    member(&app, "ann").await;
    forget(&app, "ann@example.org").await;
    let (_, code) = proofs(&mails(&app, "ann@example.org", 2).await[0]);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let body = |code: &str| json!({ "email": "Ann@example.org", "code": code, "password": NEW });
    for _ in 0..5 {
        reset(&app, body(wrong)).await.is_problem(404, BAD_RESET);
    }
    reset(&app, body(&code)).await.is_problem(404, BAD_RESET);
    forget(&app, "ann@example.org").await;
    let mail = mails(&app, "ann@example.org", 3).await.swap_remove(0);
    let (token, code) = proofs(&mail);
    for _ in 0..4 {
        reset(&app, body(wrong)).await.is_problem(404, BAD_RESET);
    }
    assert_eq!(reset(&app, body(&code)).await.status, 204);
    assert_eq!(status_of_login(&app, NEW).await, 200);
    // The link of the same mail and the earlier one are used up as well.
    reset(&app, json!({ "token": token, "password": NEW })).await.is_problem(404, BAD_RESET);
    reset(&app, body(&code)).await.is_problem(404, BAD_RESET);
    events(&app).await;
}

#[tokio::test]
async fn guesses_at_the_same_moment_are_counted_each() {
    let app = spawn().await;
    member(&app, "ann").await;
    forget(&app, "ann@example.org").await;
    let (_, code) = proofs(&mails(&app, "ann@example.org", 2).await[0]);
    let guess =
        async |code: String| reset(&app, json!({ "email": "ann@example.org", "code": code, "password": NEW })).await;
    let wrong = (0..30).map(|number| format!("{number:06}")).filter(|wrong| *wrong != code);
    futures_util::future::join_all(wrong.map(guess)).await;
    guess(code).await.is_problem(404, BAD_RESET);
    events(&app).await;
}

#[tokio::test]
async fn nobody_learns_which_addresses_have_an_account() {
    let app = spawn().await;
    register(&app, "waiting").await;
    mails(&app, "waiting@example.org", 1).await;
    for email in ["nobody@example.org", "waiting@example.org"] {
        forget(&app, email).await;
        let body = json!({ "email": email, "code": "123456", "password": NEW });
        reset(&app, body).await.is_problem(404, BAD_RESET);
    }
    // The worker takes all queued mails together: when this one is there, none before it is still on the way.
    register(&app, "last").await;
    mails(&app, "last@example.org", 1).await;
    mails(&app, "waiting@example.org", 1).await;
    mails(&app, "nobody@example.org", 0).await;
    events(&app).await;
}

#[tokio::test]
async fn a_reset_is_valid_for_half_an_hour_and_for_nothing_else() {
    let app = spawn().await;
    member(&app, "ann").await;
    forget(&app, "ann@example.org").await;
    let mail = mails(&app, "ann@example.org", 2).await.swap_remove(0);
    let (token, code) = proofs(&mail);
    app.call(Method::POST, &format!("/auth/verify/{token}"), None).send().await.is_problem(404, "");
    app.clock.advance(Duration::from_secs(30 * 60));
    reset(&app, json!({ "token": token, "password": NEW })).await.is_problem(404, BAD_RESET);
    let body = json!({ "email": "ann@example.org", "code": code, "password": NEW });
    reset(&app, body).await.is_problem(404, BAD_RESET);
    for (body, pointer) in [
        (json!({ "password": NEW }), "/token"),
        (json!({ "token": token, "email": "ann@example.org", "password": NEW }), "/token"),
        (json!({ "email": "ann@example.org", "password": NEW }), "/token"),
        (json!({ "email": "ann", "code": "123456", "password": NEW }), "/email"),
        (json!({ "email": "ann@example.org", "code": "12345x", "password": NEW }), "/code"),
        (json!({ "token": "x".repeat(129), "password": NEW }), "/token"),
        (json!({ "token": token, "password": "short" }), "/password"),
    ] {
        let answer = reset(&app, body.clone()).await;
        answer.is_problem(422, "");
        assert_eq!(pointers(&answer), [pointer], "{body}");
    }
    events(&app).await;
}

#[tokio::test]
async fn the_link_leads_to_a_page_and_leaves_the_password() {
    let app = spawn().await;
    member(&app, "ann").await;
    forget(&app, "ann@example.org").await;
    let mail = mails(&app, "ann@example.org", 2).await.swap_remove(0);
    let (link, (token, _)) = (link(&mail), proofs(&mail));
    for accept in [BROWSER, "application/json"] {
        let opened = app.get(&link).header("accept", accept).send().await;
        assert_eq!((opened.status, &*opened.text), (303, ""));
        assert_eq!(opened.headers["location"], format!("http://127.0.0.1:8080/reset/{token}"));
        assert_eq!(opened.headers["cache-control"], "no-store");
    }
    app.call(Method::POST, &link, None).send().await.is_problem(405, "");
    assert_eq!(status_of_login(&app, PASSWORD).await, 200);
    assert_eq!(reset(&app, json!({ "token": token, "password": NEW })).await.status, 204);
    events(&app).await;
}

#[tokio::test]
async fn a_change_asks_the_old_password_and_ends_the_other_sessions() {
    let app = spawn().await;
    let (_, token, refresh) = member(&app, "ann").await;
    let other = log_in(&app, "ann").await;
    events(&app).await;
    let change = async |current: &str, new: &str| {
        let body = json!({ "current_password": current, "password": new });
        app.post("/auth/password/change", body).bearer(&token).send().await
    };
    change("a wrong password", NEW).await.is_problem(403, "The current password is wrong");
    change(PASSWORD, "ann@example.org").await.is_problem(422, "");
    change(PASSWORD, "qwertyuiop").await.is_problem(422, "");
    forget(&app, "ann@example.org").await;
    let (reset_token, _) = proofs(&mails(&app, "ann@example.org", 2).await[0]);
    assert_eq!(change(PASSWORD, NEW).await.status, 204);
    assert_eq!((status_of_login(&app, PASSWORD).await, status_of_login(&app, NEW).await), (401, 200));
    assert_eq!(app.get("/auth/me").bearer(&token).send().await.status, 200, "this session goes on");
    assert_eq!(app.post("/auth/refresh", json!({ "refresh_token": refresh })).send().await.status, 200);
    app.get("/auth/me").bearer(&text(&other, "token")).send().await.is_problem(401, "");
    assert_eq!(mails(&app, "ann@example.org", 3).await[0]["subject"], "Your password was changed");
    reset(&app, json!({ "token": reset_token, "password": PASSWORD })).await.is_problem(404, BAD_RESET);
    let ends = events(&app).await;
    assert_eq!(ends.iter().filter(|(stream, _)| stream == "session_end").count(), 1);
    app.post("/auth/password/change", json!({})).send().await.is_problem(401, "");
}

/// A stolen access token must not become a way to guess the password.
#[tokio::test]
async fn the_current_password_can_be_tried_a_few_times() {
    let app = spawn().await;
    let (_, token, _) = member(&app, "ann").await;
    let change = async |current: &str| {
        let body = json!({ "current_password": current, "password": NEW });
        app.post("/auth/password/change", body).bearer(&token).send().await
    };
    for _ in 0..5 {
        change("a wrong password").await.is_problem(403, "");
    }
    let refused = change(PASSWORD).await;
    refused.is_problem(429, "Too many tries, try again later");
    assert_eq!(refused.headers["retry-after"], "60");
    app.clock.advance(Duration::from_secs(60));
    assert_eq!(change(PASSWORD).await.status, 204);
    events(&app).await;
}

#[tokio::test]
async fn an_admin_starts_a_reset_and_learns_no_password() {
    let app = spawn().await;
    let (id, access, refresh) = member(&app, "ann").await;
    let (_, of_bob, _) = member(&app, "bob").await;
    let admin = app.post("/auth/login", json!({ "username": "admin", "password": "secret" })).send().await.json;
    let path = format!("/auth/users/{id}/password-reset");
    app.post(&path, Value::Null).bearer(&of_bob).send().await.is_problem(403, "Administrators only");
    let admin = text(&admin, "token");
    app.post("/auth/users/999/password-reset", Value::Null)
        .bearer(&admin)
        .send()
        .await
        .is_problem(404, "User not found");
    assert_eq!(status_of_login(&app, PASSWORD).await, 200);
    events(&app).await;
    assert_eq!(app.post(&path, Value::Null).bearer(&admin).send().await.status, 202);
    app.get("/auth/me").bearer(&access).send().await.is_problem(401, "The session has ended, log in again");
    app.post("/auth/refresh", json!({ "refresh_token": refresh })).send().await.is_problem(401, "");
    assert_eq!(status_of_login(&app, PASSWORD).await, 401, "a thief who knows the password is out");
    assert_eq!(events(&app).await[0].1["session_version"], 1, "the other services refuse the tokens too");
    let mail = mails(&app, "ann@example.org", 2).await.swap_remove(0);
    assert!(text(&mail, "text").starts_with("An administrator of Chatty has ended all your sessions"), "{mail}");
    let (token, _) = proofs(&mail);
    assert_eq!(reset(&app, json!({ "token": token, "password": NEW })).await.status, 204);
    assert_eq!(status_of_login(&app, NEW).await, 200);
    app.finish().await;
}
