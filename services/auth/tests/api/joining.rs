//! The ways to join: open, by invitation, by approval, and not at all; and mail domains that are refused.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::app::{Answer, TestApp};

use crate::people::{PASSWORD, events, join, link, log_in, mails, member, pointers, spawn_with, text};

const DAY: Duration = Duration::from_secs(24 * 3_600);

async fn spawn(registration: &str) -> TestApp {
    spawn_with(&[("REGISTRATION", registration)]).await.0
}

/// Registers NAME with the address NAME@example.org and more fields.
async fn register(app: &TestApp, name: &str, more: Value) -> Answer {
    let mut body = json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    app.post("/auth/register", body).send().await
}

async fn verify(app: &TestApp, name: &str) -> Value {
    let mails = mails(app, &format!("{name}@example.org"), 1).await;
    let answer = app.post(&link(&mails[0]), Value::Null).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

async fn admin(app: &TestApp) -> String {
    let login = json!({ "username": "admin", "password": "secret" });
    text(&app.post("/auth/login", login).send().await.json, "token")
}

/// Makes an invitation and returns its code.
async fn invite(app: &TestApp, token: &str) -> String {
    let made = app.post("/auth/invitations", json!({ "note": "for Bob" })).bearer(token).send().await;
    assert_eq!((made.status, made.headers["cache-control"].to_str().unwrap()), (201, "no-store"), "{}", made.text);
    text(&made.json, "code")
}

async fn applicants(app: &TestApp, token: &str) -> Vec<Value> {
    let answer = app.get("/auth/applicants").bearer(token).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["applicants"].as_array().unwrap().clone()
}

async fn decide(app: &TestApp, token: &str, id: &Value, decision: &str) -> Answer {
    app.post(&format!("/auth/applicants/{id}/{decision}"), Value::Null).bearer(token).send().await
}

async fn try_login(app: &TestApp, name: &str) -> Answer {
    app.post("/auth/login", json!({ "username": name, "password": PASSWORD })).send().await
}

#[tokio::test]
async fn everybody_can_ask_how_to_join() {
    for mode in ["open", "invite", "approval", "closed"] {
        let app = spawn(mode).await;
        assert_eq!(app.get("/auth/registration").send().await.json, json!({ "registration": mode }));
        app.finish().await;
    }
}

#[tokio::test]
async fn nobody_registers_where_registration_is_closed() {
    let app = spawn("closed").await;
    let refused = register(&app, "ann", json!({ "invitation": "a", "application": "please" })).await;
    refused.is_problem(403, "Registration is closed");
    assert_eq!(try_login(&app, "ann").await.status, 401);
    app.finish().await;
}

#[tokio::test]
async fn an_invitation_is_used_once_and_free_again_when_nobody_confirms() {
    let app = spawn("invite").await;
    let admin = admin(&app).await;
    for more in [json!({}), json!({ "invitation": "unknown" })] {
        let refused = register(&app, "ann", more).await;
        assert_eq!((refused.status, pointers(&refused)), (422, vec!["/invitation".to_owned()]), "{}", refused.text);
    }
    let code = invite(&app, &admin).await;
    let with = json!({ "invitation": code });
    assert_eq!(register(&app, "ann", with.clone()).await.status, 201);
    // It is held while ann may confirm, and free when her day is over.
    assert_eq!(register(&app, "bob", with.clone()).await.status, 422);
    app.clock.advance(DAY);
    assert_eq!(register(&app, "bob", with.clone()).await.status, 201);
    assert_eq!(verify(&app, "bob").await["message"], "Account verified");
    app.clock.advance(DAY);
    assert_eq!(register(&app, "carl", with).await.status, 422);
    let admin = self::admin(&app).await;
    let listed = app.get("/auth/invitations").bearer(&admin).send().await.json["invitations"][0].clone();
    assert_eq!((&listed["note"], listed["used_at"].is_string()), (&json!("for Bob"), true));
    assert_eq!(listed["guest_id"], log_in(&app, "bob").await["user_id"]);
    let withdrawn = app.call(axum::http::Method::DELETE, &format!("/auth/invitations/{}", listed["id"]), None);
    assert_eq!(withdrawn.bearer(&admin).send().await.status, 404, "it was used");
    app.finish().await;
}

#[tokio::test]
async fn a_rejected_registration_gives_the_invitation_back_and_a_withdrawn_one_is_worth_nothing() {
    let app = spawn("invite").await;
    let admin = admin(&app).await;
    let code = invite(&app, &admin).await;
    let with = json!({ "invitation": code });
    assert_eq!(register(&app, "ann", with.clone()).await.status, 201);
    let mail = mails(&app, "ann@example.org", 1).await;
    assert_eq!(app.post(&format!("{}/reject", link(&mail[0])), Value::Null).send().await.status, 200);
    assert_eq!(register(&app, "bob", with.clone()).await.status, 201);
    let listed = app.get("/auth/invitations").bearer(&admin).send().await.json["invitations"][0].clone();
    assert_eq!(listed["guest_id"], Value::Null, "bob has not confirmed");
    // Bob holds it, or his inviter could withdraw it and invite the next one.
    let path = format!("/auth/invitations/{}", listed["id"]);
    assert_eq!(app.delete(&path).bearer(&admin).send().await.status, 404);
    app.clock.advance(DAY);
    let admin = self::admin(&app).await;
    assert_eq!(app.delete(&path).bearer(&admin).send().await.status, 204);
    assert_eq!(register(&app, "carl", with).await.status, 422);
    let code = invite(&app, &self::admin(&app).await).await;
    app.clock.advance(14 * DAY);
    assert_eq!(register(&app, "carl", json!({ "invitation": code })).await.status, 422, "two weeks are over");
    app.finish().await;
}

#[tokio::test]
async fn of_registrations_with_one_invitation_at_the_same_moment_one_gets_it() {
    let app = spawn("invite").await;
    let code = invite(&app, &admin(&app).await).await;
    let names = ["ann", "bob", "carl", "dora"];
    let answers = join_all(names.map(|name| register(&app, name, json!({ "invitation": code })))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422, 422, 422]);
    app.finish().await;
}

#[tokio::test]
async fn an_invitation_does_not_tell_whether_an_address_is_known() {
    let app = spawn("invite").await;
    let admin = admin(&app).await;
    for name in ["ann", "bob"] {
        assert_eq!(register(&app, name, json!({ "invitation": invite(&app, &admin).await })).await.status, 201);
    }
    verify(&app, "ann").await;
    // Ann's address is known, and carl's is not.
    let mut seen = Vec::new();
    for (name, address) in [("eve", "ann@example.org"), ("finn", "carl@example.org")] {
        let code = invite(&app, &admin).await;
        let more = json!({ "invitation": code, "email": address });
        let mut answers = vec![register(&app, name, more.clone()).await];
        answers.push(register(&app, "greta", more).await);
        answers.push(try_login(&app, name).await);
        let listed = app.get("/auth/invitations").bearer(&admin).send().await.json["invitations"][0].clone();
        let answers =
            answers.iter().map(|answer| (answer.status, answer.json["message"].to_string().replace(name, "NAME")));
        seen.push((answers.collect::<Vec<_>>(), listed["used_at"].clone(), listed["guest_id"].clone()));
    }
    assert_eq!(seen[0], seen[1]);
    app.finish().await;
}

#[tokio::test]
async fn everybody_has_as_many_invitations_as_allowed() {
    let (app, _) = spawn_with(&[("INVITATIONS_PER_PERSON", "2")]).await;
    let (_, ann, _) = member(&app, "ann").await;
    for _ in 0..2 {
        invite(&app, &ann).await;
    }
    let third = app.post("/auth/invitations", json!({})).bearer(&ann).send().await;
    third.is_problem(409, "You have no more invitations");
    // One that has expired unused counts no more, and neither does one that was withdrawn.
    app.clock.advance(14 * DAY);
    let ann = text(&log_in(&app, "ann").await, "token");
    invite(&app, &ann).await;
    app.finish().await;
    let (app, _) = spawn_with(&[]).await;
    let (_, ann, _) = member(&app, "ann").await;
    assert_eq!(app.post("/auth/invitations", json!({})).bearer(&ann).send().await.status, 409, "none by default");
    invite(&app, &admin(&app).await).await;
    app.finish().await;
}

#[tokio::test]
async fn an_applicant_is_a_member_after_the_approval_only() {
    let app = spawn("approval").await;
    let admin = admin(&app).await;
    let refused = register(&app, "ann", json!({})).await;
    assert_eq!((refused.status, pointers(&refused)), (422, vec!["/application".to_owned()]));
    let words = json!({ "application": "I draw maps", "first_name": "Ann" });
    assert_eq!(register(&app, "ann", words.clone()).await.status, 201);
    assert_eq!(applicants(&app, &admin).await, Vec::<Value>::new(), "the address is not confirmed");
    assert_eq!(verify(&app, "ann").await["message"], "Address verified");
    let waiting = applicants(&app, &admin).await;
    assert_eq!((waiting.len(), &waiting[0]["application"]), (1, &json!("I draw maps")));
    assert_eq!((&waiting[0]["username"], &waiting[0]["first_name"]), (&json!("ann"), &json!("Ann")));
    let id = &waiting[0]["id"];
    // Nobody sees her yet, and she cannot log in.
    try_login(&app, "ann").await.is_problem(403, "Your application waits for an administrator");
    assert_eq!(app.get(&format!("/users/{id}")).send().await.status, 404);
    for search in ["/users?username=ann", "/users?name=Ann"] {
        assert_eq!(app.get(search).send().await.json["users"], json!([]), "{search}");
    }
    let before = events(&app).await;
    assert!(before.iter().all(|(_, state)| state["verified"] == false), "{before:?}");
    // A second registration with her address tells nothing and queues nobody.
    assert_eq!(register(&app, "eve", json!({ "application": "x", "email": "ann@example.org" })).await.status, 201);
    assert_eq!(applicants(&app, &admin).await.len(), 1);

    assert_eq!(decide(&app, &admin, id, "approve").await.json, json!({ "message": "Applicant approved" }));
    let mails = mails(&app, "ann@example.org", 3).await;
    assert_eq!(mails[0]["subject"], "Welcome to Chatty");
    assert_eq!(log_in(&app, "ann").await["user_id"], *id);
    assert_eq!(app.get(&format!("/users/{id}")).send().await.status, 200);
    let approved = events(&app).await;
    assert_eq!((approved.len(), &approved[0].1["verified"]), (1, &json!(true)), "{approved:?}");
    decide(&app, &admin, id, "approve").await.is_problem(404, "Applicant not found");
    decide(&app, &admin, id, "refuse").await.is_problem(404, "Applicant not found");
    app.finish().await;
}

#[tokio::test]
async fn a_refused_applicant_is_erased_and_told_by_the_last_mail() {
    let app = spawn("approval").await;
    let admin = admin(&app).await;
    assert_eq!(register(&app, "ann", json!({ "application": "Please" })).await.status, 201);
    verify(&app, "ann").await;
    let id = applicants(&app, &admin).await[0]["id"].clone();
    events(&app).await;
    assert_eq!(decide(&app, &admin, &id, "refuse").await.json, json!({ "message": "Applicant refused" }));
    let told = mails(&app, "ann@example.org", 1).await;
    assert_eq!(told[0]["subject"], "Your application was not accepted");
    assert_eq!(try_login(&app, "ann").await.status, 401);
    let told = events(&app).await;
    assert_eq!((told.len(), &told[0].1["deleted"], &told[0].1["session_version"]), (1, &json!(true), &json!(0)));
    // Address and username are free again.
    assert_eq!(register(&app, "ann", json!({ "application": "Again" })).await.status, 201);
    app.finish().await;
}

#[tokio::test]
async fn an_application_that_nobody_decides_ends_after_a_month() {
    let app = spawn("approval").await;
    assert_eq!(register(&app, "ann", json!({ "application": "Please" })).await.status, 201);
    verify(&app, "ann").await;
    app.clock.advance(30 * DAY);
    let admin = admin(&app).await;
    assert_eq!(applicants(&app, &admin).await, Vec::<Value>::new());
    assert_eq!(try_login(&app, "ann").await.status, 401);
    app.finish().await;
}

#[tokio::test]
async fn addresses_of_refused_domains_are_not_accepted() {
    let (app, _) = spawn_with(&[("REFUSED_MAIL_DOMAINS", "throwaway.example")]).await;
    for address in ["ann@throwaway.example", "ann@mail.Throwaway.example"] {
        let refused = register(&app, "ann", json!({ "email": address })).await;
        assert_eq!((refused.status, pointers(&refused)), (422, vec!["/email".to_owned()]), "{address}");
    }
    join(&app, "ann").await;
    let token = text(&log_in(&app, "ann").await, "token");
    let change = json!({ "email": "ann@throwaway.example", "password": PASSWORD });
    let refused = app.post("/auth/email", change).bearer(&token).send().await;
    assert_eq!((refused.status, pointers(&refused)), (422, vec!["/email".to_owned()]));
    app.finish().await;
}
