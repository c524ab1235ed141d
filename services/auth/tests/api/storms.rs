//! Many requests at once against one person.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::app::TestApp;

use crate::people::{PASSWORD, member, spawn_limited};

/// The mails to the person, newest first.
async fn mailbox(app: &TestApp) -> Vec<Value> {
    app.get("/dev/mail?to=ann@example.org").send().await.json["messages"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_storm_against_one_person_sends_few_mails_and_locks_nobody_out() {
    let app = spawn_limited().await;
    let (_, token, refresh) = member(&app, "ann").await;
    let before = mailbox(&app).await.len();
    let logins = (0..200).map(|number| {
        let body = json!({ "username": "ann", "password": format!("wrong password {number}") });
        app.post("/auth/login", body).send()
    });
    let resets = (0..200).map(|_| app.post("/auth/password/forgot", json!({ "email": "Ann@example.org" })).send());
    let registrations = (0..200).map(|number| {
        let body = json!({ "username": format!("thief{number}"), "email": "ann@example.org", "password": PASSWORD });
        app.post("/auth/register", body).send()
    });
    let (logins, resets, registrations) = tokio::join!(join_all(logins), join_all(resets), join_all(registrations));
    let count = |answers: &[testkit::app::Answer], status: u16| answers.iter().filter(|a| a.status == status).count();
    // Ten tries at once and one more every two seconds; what waits too long for a hash is refused and may come again.
    let (tried, limited, busy) = (count(&logins, 401), count(&logins, 429), count(&logins, 503));
    assert_eq!(tried + limited + busy, 200);
    assert!(tried <= 10 && tried + busy > 0 && limited > 0, "{tried} tried, {limited} limited, {busy} busy");
    assert_eq!(count(&resets, 202), 200);
    assert_eq!(count(&registrations, 201) + count(&registrations, 503), 200);
    let settled = async || {
        let has_queued = app.get("/readyz?verbose").send().await.json;
        has_queued["services"]["auth"]["mails"]["queued"].as_i64().unwrap_or(0) == 0
    };
    app.eventually(settled, "the mails to be sent").await;
    let mails = mailbox(&app).await.len() - before;
    assert!((1..=2).contains(&mails), "{mails} mails: one of the three was used for the verification");
    // The person goes on.
    assert_eq!(app.get("/auth/me").bearer(&token).send().await.status, 200);
    assert_eq!(app.post("/auth/refresh", json!({ "refresh_token": refresh })).send().await.status, 200);
    app.clock.advance(std::time::Duration::from_secs(2));
    let own = app.post("/auth/login", json!({ "username": "ann", "password": PASSWORD })).send().await;
    assert_eq!(own.status, 200, "{}", own.text);
    app.finish().await;
}
