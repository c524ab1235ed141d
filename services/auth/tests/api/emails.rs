//! The change of an account's address, and its undoing.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use testkit::app::{Answer, TestApp};

use crate::people::{PASSWORD, events, header, join, link, log_in, mails, member, spawn, text};

const BAD_LINK: &str = "Link is invalid or expired";
const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";
const NEW: &str = "ann@new.example";

async fn change(app: &TestApp, token: &str, email: &str, password: &str) -> Answer {
    app.post("/auth/email", json!({ "email": email, "password": password })).bearer(token).send().await
}

async fn follow(app: &TestApp, link: &str) -> Answer {
    app.call(Method::POST, link, None).send().await
}

async fn address(app: &TestApp, token: &str) -> Value {
    app.get("/auth/me").bearer(token).send().await.json["email"].clone()
}

#[tokio::test]
async fn an_address_changes_when_the_new_one_is_confirmed() {
    let app = spawn().await;
    let (_, token, _) = member(&app, "ann").await;
    events(&app).await;
    change(&app, &token, NEW, "a wrong password").await.is_problem(403, "The current password is wrong");
    change(&app, &token, "ann", PASSWORD).await.is_problem(422, "");
    app.post("/auth/email", json!({ "email": NEW, "password": PASSWORD })).send().await.is_problem(401, "");
    assert_eq!(change(&app, &token, "Ann@New.example", PASSWORD).await.status, 202);
    assert_eq!(address(&app, &token).await, "ann@example.org", "nothing has changed yet");
    let confirm = link(&mails(&app, NEW, 1).await[0]);
    let opened = app.get(&confirm).header("accept", BROWSER).send().await;
    let page = confirm.replace("/auth/", "http://127.0.0.1:8080/");
    assert_eq!((opened.status, header(&opened, "location")), (303, &*page));
    assert_eq!(address(&app, &token).await, "ann@example.org", "looking changes nothing");
    let done = follow(&app, &confirm).await;
    assert_eq!((done.status, done.json), (200, json!({ "message": "E-mail address changed" })));
    assert_eq!(address(&app, &token).await, "Ann@New.example");
    follow(&app, &confirm).await.is_problem(404, BAD_LINK);
    assert_eq!(mails(&app, "ann@example.org", 2).await[0]["subject"], "Your e-mail address was changed");
    assert!(events(&app).await.is_empty(), "no other service knows the address");
    // Mails of all kinds go to the new address from now on, and the old one is free.
    app.post("/auth/password/forgot", json!({ "email": "ann@example.org" })).send().await;
    app.post("/auth/password/forgot", json!({ "email": NEW })).send().await;
    assert_eq!(mails(&app, NEW, 2).await[0]["subject"], "Choose a new password");
    mails(&app, "ann@example.org", 2).await;
    let body = json!({ "username": "other", "email": "ann@example.org", "password": PASSWORD });
    assert_eq!(app.post("/auth/register", body).send().await.status, 201);
    assert_eq!(events(&app).await.len(), 1);
}

#[tokio::test]
async fn the_owner_of_the_old_address_undoes_a_change_for_a_week() {
    let app = spawn().await;
    let (_, token, _) = member(&app, "ann").await;
    assert_eq!(change(&app, &token, "thief@example.org", PASSWORD).await.status, 202);
    follow(&app, &link(&mails(&app, "thief@example.org", 1).await[0])).await;
    let undo = link(&mails(&app, "ann@example.org", 2).await[0]);
    events(&app).await;
    app.clock.advance(Duration::from_secs(7 * 86_400 - 1));
    let token = text(&log_in(&app, "ann").await, "token");
    let opened = app.get(&undo).header("accept", BROWSER).send().await;
    let page = undo.replace("/auth/", "http://127.0.0.1:8080/");
    assert_eq!((opened.status, header(&opened, "location")), (303, &*page));
    assert_eq!(address(&app, &token).await, "thief@example.org", "looking changes nothing");
    assert_eq!(follow(&app, &undo).await.status, 200);
    app.get("/auth/me").bearer(&token).send().await.is_problem(401, "The session has ended, log in again");
    let states = events(&app).await;
    assert!(states.iter().any(|(stream, state)| stream == "user" && state["session_version"] == 1), "{states:?}");
    // The thief knows the password, so the owner gets a link for another one.
    assert_eq!(mails(&app, "ann@example.org", 3).await[0]["subject"], "Choose a new password");
    let token = text(&log_in(&app, "ann").await, "token");
    assert_eq!(address(&app, &token).await, "ann@example.org");
    follow(&app, &undo).await.is_problem(404, BAD_LINK);

    assert_eq!(change(&app, &token, NEW, PASSWORD).await.status, 202);
    follow(&app, &link(&mails(&app, NEW, 1).await[0])).await;
    let late = link(&mails(&app, "ann@example.org", 4).await[0]);
    app.clock.advance(Duration::from_secs(7 * 86_400));
    follow(&app, &late).await.is_problem(404, BAD_LINK);
    events(&app).await;
}

#[tokio::test]
async fn an_address_of_somebody_else_is_not_revealed_and_not_taken() {
    let app = spawn().await;
    let (_, token, _) = member(&app, "ann").await;
    join(&app, "bob").await;
    assert_eq!(change(&app, &token, "BOB@example.org", PASSWORD).await.status, 202);
    assert_eq!(mails(&app, "bob@example.org", 2).await[0]["subject"], "You already have an account");
    // Somebody else may verify the address between the request and the confirmation.
    assert_eq!(change(&app, &token, "carl@example.org", PASSWORD).await.status, 202);
    let confirm = link(&mails(&app, "carl@example.org", 1).await[0]);
    let body = json!({ "username": "carl", "email": "carl@example.org", "password": PASSWORD });
    app.post("/auth/register", body).send().await;
    assert_eq!(follow(&app, &link(&mails(&app, "carl@example.org", 2).await[0])).await.status, 200);
    follow(&app, &confirm).await.is_problem(404, BAD_LINK);
    assert_eq!(address(&app, &token).await, "ann@example.org");
    events(&app).await;
    app.finish().await;
}
