//! Parked mails: the list for admins, and the operator's commands that send them again or drop them.

use std::time::Duration;

use axum::http::Method;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use testkit::app::TestApp;
use testkit::servers::mail::Mood;

use crate::people::{events, link, member, register, spawn, spawn_with, text};
use crate::smtp::{Sink, wake};

const ANSWER: &str = "permanent error (550): 5.1.1 <ann@example.org> unknown";

/// Parks all queued mails, as if the mail server had refused them for good.
async fn park(app: &TestApp) {
    let tx = app.db().begin().await.unwrap();
    let sql = format!("UPDATE mail_jobs SET state = 'parked', last_error = '{ANSWER}' WHERE state = 'queued'");
    tx.execute_raw(Statement::from_string(tx.get_database_backend(), sql)).await.unwrap();
    tx.commit().await.unwrap();
}

/// A mail server that is never reached: nothing listens on the discard port of the loopback interface.
const NOWHERE: [(&str, &str); 1] = [("SMTP_URL", "smtp://127.0.0.1:9?tls=none")];

async fn admin(app: &TestApp) -> String {
    text(&app.post("/auth/login", json!({ "username": "admin", "password": "secret" })).send().await.json, "token")
}

#[tokio::test]
async fn an_admin_sees_parked_mails_without_their_text_or_an_address() {
    let (app, _) = spawn_with(&NOWHERE).await;
    for name in ["ann", "bob", "carl"] {
        register(&app, name).await;
    }
    park(&app).await;
    let token = admin(&app).await;
    let answer = app.get("/auth/mails/parked?limit=2").bearer(&token).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let mails = answer.json["mails"].as_array().unwrap();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0]["kind"], "verification");
    assert_eq!(mails[0]["reason"], "permanent error (550): 5.1.1 <address> unknown");
    assert!(mails[0]["user_id"].as_i64() > mails[1]["user_id"].as_i64(), "newest first");
    let next = app.get(&format!("/auth/mails/parked?limit=2&cursor={}", text(&answer.json, "next"))).bearer(&token);
    let next = next.send().await;
    assert_eq!((next.json["mails"].as_array().unwrap().len(), &next.json["next"]), (1, &json!(null)));
    for page in [answer, next] {
        assert!(!page.text.contains("example.org") && !page.text.contains("/auth/verify/"), "{}", page.text);
    }
    wake(&app).await;
    let parked = async || app.get("/readyz?verbose").send().await.json["services"]["auth"]["mails"]["parked"] == 3;
    app.eventually(parked, "the count").await;
    events(&app).await;
}

#[tokio::test]
async fn nobody_else_sees_parked_mails() {
    let app = spawn().await;
    let (_, token, _) = member(&app, "ann").await;
    app.get("/auth/mails/parked").send().await.is_problem(401, "");
    app.get("/auth/mails/parked").bearer(&token).send().await.is_problem(403, "Administrators only");
    let token = admin(&app).await;
    let me = app.get("/auth/me").bearer(&token).send().await.json["id"].as_i64().unwrap();
    app.deliver("moderation.user", &[json!({ "id": me, "version": 1, "blocked": true })]).await;
    app.get("/auth/mails/parked").bearer(&token).send().await.is_problem(403, "Account blocked");
    events(&app).await;
}

#[tokio::test]
async fn parked_mails_are_sent_again_with_links_that_are_valid_anew() {
    let sink = Sink::new().await;
    let (app, _) = spawn_with(&[("SMTP_URL", &sink.url())]).await;
    for name in ["ann", "bob", "carl"] {
        register(&app, name).await;
    }
    park(&app).await;
    let listed = auth::parked_mails::list(app.db()).await.unwrap();
    let [ann, bob, carl] = [0, 1, 2].map(|mail| listed[mail].id);
    assert_eq!((listed[0].to.as_str(), listed[0].reason.as_str()), ("ann@example.org", ANSWER));
    assert!(!serde_json::to_string(&listed).unwrap().contains("/auth/verify/"));
    let hour = Duration::from_secs(3_600);
    app.clock.advance(20 * hour);
    // Bob's link is gone, as if another account had got his address.
    let tx = app.db().begin().await.unwrap();
    let gone = "DELETE FROM links WHERE user_id = (SELECT id FROM users WHERE username = 'bob')";
    tx.execute_raw(Statement::from_string(tx.get_database_backend(), gone)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(auth::parked_mails::drop(app.db(), &[carl, 4_711]).await.unwrap(), 1);
    let done = auth::parked_mails::redrive(app.db(), &[]).await.unwrap();
    assert_eq!((done.queued, done.outdated), (vec![ann], vec![bob]));
    assert_eq!(auth::parked_mails::redrive(app.db(), &[ann]).await.unwrap(), auth::parked_mails::Redriven::default());
    sink.during(Mood::Kind, async {
        // The worker may have tried before the server listened. Then the mail is due again only later.
        let sent = async || {
            app.clock.advance(Duration::from_secs(30));
            wake(&app).await;
            !sink.mails("ann@example.org").is_empty()
        };
        app.eventually(sent, "the mail").await;
    })
    .await;
    let mail: Value = json!({ "text": sink.mails("ann@example.org")[0].text });
    // The first link would have been valid for 24 hours, and the account would have ended with it.
    app.clock.advance(10 * hour);
    assert_eq!(app.call(Method::POST, &link(&mail), None).send().await.status, 200);
    assert!(sink.mails("carl@example.org").is_empty());
    assert_eq!(auth::parked_mails::drop(app.db(), &[]).await.unwrap(), 1);
    assert!(auth::parked_mails::list(app.db()).await.unwrap().is_empty());
    events(&app).await;
}
