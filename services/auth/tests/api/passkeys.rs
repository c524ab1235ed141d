//! Passkeys: made and deleted, as a second factor, and as the whole sign-in.

use std::time::Duration;

use axum::http::Method;
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use shared::config::Env;
use testkit::app::{Answer, TestApp};

use crate::authenticator::Authenticator;
use crate::people::{PASSWORD, link, mails, member, text};

const ORIGIN: &str = "https://chatty.example";

/// Starts the service at this public URL.
async fn spawn_at(public_url: &str) -> TestApp {
    TestApp::spawn(auth::NAME, async |mut deps| {
        deps.settings.public_url = public_url.to_owned();
        let config = auth::Config::from_env(&Env::default(), &deps.settings).unwrap();
        auth::build(config, deps).unwrap().0
    })
    .await
}

async fn spawn() -> TestApp {
    spawn_at(ORIGIN).await
}

fn authenticator() -> Authenticator {
    Authenticator::at(ORIGIN, "chatty.example")
}

/// Begins to make a passkey. Returns the challenge and the options.
async fn begin(app: &TestApp, token: &str) -> (String, Value) {
    let body = json!({ "password": PASSWORD, "name": "My phone" });
    let begun = app.post("/auth/passkeys", body).bearer(token).send().await;
    assert_eq!((begun.status, begun.headers["cache-control"].to_str().unwrap()), (200, "no-store"), "{}", begun.text);
    (text(&begun.json, "challenge"), begun.json["options"].clone())
}

async fn confirm(app: &TestApp, token: &str, challenge: &str, credential: Value) -> Answer {
    let body = json!({ "challenge": challenge, "credential": credential });
    app.post("/auth/passkeys/confirm", body).bearer(token).send().await
}

/// Makes a passkey with a new authenticator. Returns it and the answer.
async fn make(app: &TestApp, token: &str) -> (Authenticator, Value) {
    let mut device = authenticator();
    let (challenge, options) = begin(app, token).await;
    let made = confirm(app, token, &challenge, device.make(&options)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    (device, made.json)
}

/// The first step of a sign-in with a passkey alone.
async fn begin_sign_in(app: &TestApp) -> (String, Value) {
    let begun = app.post("/auth/passkeys/login", Value::Null).send().await;
    assert_eq!((begun.status, begun.headers["cache-control"].to_str().unwrap()), (200, "no-store"), "{}", begun.text);
    (text(&begun.json, "challenge"), begun.json["options"].clone())
}

async fn sign_in(app: &TestApp, challenge: &str, credential: Value) -> Answer {
    let body = json!({ "challenge": challenge, "credential": credential });
    app.post("/auth/passkeys/login/confirm", body).send().await
}

/// A whole sign-in with a passkey alone.
async fn sign_in_with(app: &TestApp, device: &mut Authenticator) -> Answer {
    let (challenge, options) = begin_sign_in(app).await;
    sign_in(app, &challenge, device.show(&options)).await
}

/// The first step of a login with the right password. Returns the challenge.
async fn first_step(app: &TestApp, name: &str) -> String {
    let answer = app.post("/auth/login", json!({ "username": name, "password": PASSWORD })).send().await;
    answer.is_problem(401, "A second factor is required");
    assert_eq!(answer.json["factors"], json!(["recovery_code", "passkey"]));
    text(&answer.json, "challenge")
}

async fn begin_factor(app: &TestApp, challenge: &str) -> Answer {
    app.post("/auth/login/second-factor/passkey", json!({ "challenge": challenge })).send().await
}

async fn pass(app: &TestApp, challenge: &str, credential: Value) -> Answer {
    let body = json!({ "challenge": challenge, "credential": credential });
    app.post("/auth/login/second-factor", body).send().await
}

async fn delete(app: &TestApp, token: &str, id: &Value, password: &str) -> Answer {
    let body = Some(json!({ "password": password }));
    app.call(Method::DELETE, &format!("/auth/passkeys/{id}"), body).bearer(token).send().await
}

#[tokio::test]
async fn a_passkey_signs_in_without_a_password_and_is_listed() {
    let app = spawn().await;
    let (id, token, _) = member(&app, "ann").await;
    let (challenge, options) = begin(&app, &token).await;
    let public = &options["publicKey"];
    assert_eq!((&public["rp"]["id"], &public["user"]["name"]), (&json!("chatty.example"), &json!("ann")));
    let wanted = &public["authenticatorSelection"];
    assert_eq!((&wanted["residentKey"], &wanted["userVerification"]), (&json!("required"), &json!("required")));
    let mut device = authenticator();
    let made = confirm(&app, &token, &challenge, device.make(&options)).await;
    assert_eq!((made.status, made.headers["cache-control"].to_str().unwrap()), (201, "no-store"), "{}", made.text);
    assert_eq!(made.json["recovery_codes"].as_array().unwrap().len(), 10);
    let notice = mails(&app, "ann@example.org", 2).await.swap_remove(0);
    assert_eq!(notice["subject"], "Your passkeys were changed");
    assert!(!text(&notice, "text").contains("My phone"), "no words of whoever made it");

    let signed = sign_in_with(&app, &mut device).await;
    assert_eq!((signed.status, signed.json["user_id"].as_i64()), (200, Some(id)), "{}", signed.text);
    assert_eq!(signed.headers["cache-control"], "no-store");
    assert_eq!(app.get("/auth/me").bearer(&text(&signed.json, "token")).send().await.status, 200);
    let factors = app.get("/auth/two-factor").bearer(&token).send().await.json;
    assert_eq!((&factors["enabled"], &factors["app_since"]), (&json!(true), &Value::Null));
    let listed = &factors["passkeys"][0];
    assert_eq!((&listed["name"], &listed["id"]), (&json!("My phone"), &made.json["passkey"]["id"]));
    assert!(listed["last_used_at"].is_string() && made.json["passkey"]["last_used_at"].is_null());
    app.finish().await;
}

#[tokio::test]
async fn a_passkey_is_a_second_factor_after_the_password() {
    let app = spawn().await;
    let (id, token, _) = member(&app, "ann").await;
    let (mut device, made) = make(&app, &token).await;
    let challenge = first_step(&app, "ann").await;
    // Without options nothing can be shown, and options of a sign-in alone are not those of a second factor.
    let (_, foreign) = begin_sign_in(&app).await;
    let shown = device.show(&foreign);
    pass(&app, &challenge, shown.clone()).await.is_problem(401, "The passkey was not accepted");
    let begun = begin_factor(&app, &challenge).await;
    assert_eq!((begun.status, begun.headers["cache-control"].to_str().unwrap()), (200, "no-store"), "{}", begun.text);
    assert_eq!(begun.json["options"]["publicKey"]["allowCredentials"].as_array().unwrap().len(), 1);
    pass(&app, &challenge, shown).await.is_problem(401, "The passkey was not accepted");
    // The wrong answer has used the options up.
    pass(&app, &challenge, device.show(&begun.json["options"])).await.is_problem(401, "The passkey was not accepted");
    let begun = begin_factor(&app, &challenge).await;
    let passed = pass(&app, &challenge, device.show(&begun.json["options"])).await;
    assert_eq!((passed.status, passed.json["user_id"].as_i64()), (200, Some(id)), "{}", passed.text);
    begin_factor(&app, &challenge).await.is_problem(401, "The login has expired, begin again");

    // A recovery code replaces a passkey too, and one of the two must be given.
    let challenge = first_step(&app, "ann").await;
    let step = async |more: Value| {
        let mut body = json!({ "challenge": challenge });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        app.post("/auth/login/second-factor", body).send().await
    };
    step(json!({})).await.is_problem(422, "");
    let both = json!({ "code": "123456", "credential": device.show(&begun.json["options"]) });
    step(both).await.is_problem(422, "");
    assert!(matches!(step(json!({ "credential": { "id": "x" } })).await.status, 400 | 422));
    assert_eq!(step(json!({ "code": made["recovery_codes"][0] })).await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn somebody_elses_passkey_is_no_second_factor() {
    let app = spawn().await;
    let (_, of_ann, _) = member(&app, "ann").await;
    let (_, of_bob, _) = member(&app, "bob").await;
    make(&app, &of_ann).await;
    let (mut device, _) = make(&app, &of_bob).await;
    let challenge = first_step(&app, "ann").await;
    let begun = begin_factor(&app, &challenge).await;
    pass(&app, &challenge, device.show(&begun.json["options"])).await.is_problem(401, "The passkey was not accepted");
    // Nor can it sign in under another name.
    let (challenge, options) = begin_sign_in(&app).await;
    let mut renamed = device.show(&options);
    renamed["response"]["userHandle"] = json!("AAAAAAAAAAAAAAAAAAAAAA");
    sign_in(&app, &challenge, renamed).await.is_problem(401, "The passkey was not accepted");
    // Deleting takes one's own only.
    let id = app.get("/auth/two-factor").bearer(&of_bob).send().await.json["passkeys"][0]["id"].clone();
    delete(&app, &of_ann, &id, PASSWORD).await.is_problem(404, "Passkey not found");
    app.finish().await;
}

#[tokio::test]
async fn answers_that_are_not_right_are_refused() {
    let app = spawn().await;
    let (_, token, _) = member(&app, "ann").await;
    let (mut device, _) = make(&app, &token).await;
    let refused = "The passkey was not accepted";
    type Fault = fn(&mut Authenticator);
    let faults: [(&str, Fault); 4] = [
        ("another page", |device| device.origin = "https://evil.example".to_owned()),
        ("another site", |device| device.rp_id = "evil.example".to_owned()),
        ("a person who was not verified", |device| device.verifies = false),
        ("a counter that goes back", |device| device.counter = 1),
    ];
    for (what, fault) in faults {
        let before = (device.origin.clone(), device.rp_id.clone(), device.counter);
        fault(&mut device);
        let answer = sign_in_with(&app, &mut device).await;
        assert_eq!((answer.status, &answer.json["code"]), (401, &json!("passkey_refused")), "{what}: {}", answer.text);
        (device.origin, device.rp_id, device.counter) = before;
        device.verifies = true;
        assert_eq!(sign_in_with(&app, &mut device).await.status, 200, "{what}, and then the right answer");
    }
    let (challenge, options) = begin_sign_in(&app).await;
    let mut forged = device.show(&options);
    forged["response"]["signature"] = authenticator().show(&options)["response"]["signature"].clone();
    sign_in(&app, &challenge, forged).await.is_problem(401, refused);
    // The wrong answer has used the ceremony up.
    let right = device.show(&options);
    sign_in(&app, &challenge, right).await.is_problem(401, "The login has expired, begin again");
    let mut stranger = authenticator();
    stranger.handle = device.handle.clone();
    sign_in_with(&app, &mut stranger).await.is_problem(401, refused);
    // A new passkey is checked in the same way.
    let mut phished = Authenticator::at("https://evil.example", "chatty.example");
    let (challenge, options) = begin(&app, &token).await;
    confirm(&app, &token, &challenge, phished.make(&options)).await.is_problem(401, refused);
    confirm(&app, &token, &challenge, authenticator().make(&options)).await.is_problem(400, "");
    app.finish().await;
}

#[tokio::test]
async fn a_ceremony_is_used_once_within_five_minutes_and_by_one_person() {
    let app = spawn().await;
    let (_, of_ann, _) = member(&app, "ann").await;
    let (_, of_bob, _) = member(&app, "bob").await;
    let (mut device, _) = make(&app, &of_ann).await;
    let (challenge, options) = begin_sign_in(&app).await;
    let shown: Vec<Value> = (0..3).map(|_| device.show(&options)).collect();
    let answers = join_all(shown.into_iter().map(|shown| sign_in(&app, &challenge, shown))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 401]);
    // A copy of the authenticator has the same counter: one of the two gets in.
    device.counter += 1;
    let counter = device.counter;
    let ceremonies = [begin_sign_in(&app).await, begin_sign_in(&app).await];
    let copies = ceremonies.map(|(challenge, options)| {
        device.counter = counter;
        (challenge, device.show(&options))
    });
    let answers = join_all(copies.iter().map(|(challenge, shown)| sign_in(&app, challenge, shown.clone()))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    let (challenge, options) = begin_sign_in(&app).await;
    let (making, made) = begin(&app, &of_ann).await;
    let mut other = authenticator();
    // The ceremony of one person does not give another one a passkey, and is used up by the try.
    confirm(&app, &of_bob, &making, other.make(&made)).await.is_problem(400, "");
    confirm(&app, &of_ann, &making, other.make(&made)).await.is_problem(400, "");
    let (making, made) = begin(&app, &of_ann).await;
    app.clock.advance(Duration::from_secs(5 * 60));
    sign_in(&app, &challenge, device.show(&options)).await.is_problem(401, "The login has expired, begin again");
    let late = confirm(&app, &of_ann, &making, other.make(&made)).await;
    late.is_problem(400, "Making the passkey took too long, begin again");
    // The next ceremony deletes the expired ones.
    begin_sign_in(&app).await;
    let count = "SELECT COUNT(*) AS n FROM ceremonies";
    let db = app.db().read();
    let row = db.query_one_raw(Statement::from_string(db.get_database_backend(), count)).await.unwrap().unwrap();
    assert_eq!(row.try_get::<i64>("", "n").unwrap(), 1);
    app.finish().await;
}

#[tokio::test]
async fn the_last_factor_turns_two_factor_sign_in_off() {
    let app = spawn().await;
    let (_, token, _) = member(&app, "ann").await;
    let (mut device, first) = make(&app, &token).await;
    let (_, second) = make(&app, &token).await;
    assert_eq!(second["recovery_codes"], json!([]), "the earlier codes stay");
    // The same authenticator is asked not to make another one, and cannot.
    let (challenge, options) = begin(&app, &token).await;
    assert_eq!(options["publicKey"]["excludeCredentials"].as_array().unwrap().len(), 2);
    assert_eq!(options["publicKey"]["user"]["id"], device.handle, "the name of the person stays");
    assert!(matches!(confirm(&app, &token, &challenge, device.make(&options)).await.status, 401 | 409));
    // The current password can be tried five times, and then once a minute.
    app.clock.advance(Duration::from_secs(5 * 60));
    delete(&app, &token, &first["passkey"]["id"], "wrong password").await.is_problem(403, "");
    assert_eq!(delete(&app, &token, &first["passkey"]["id"], PASSWORD).await.status, 204);
    delete(&app, &token, &first["passkey"]["id"], PASSWORD).await.is_problem(404, "Passkey not found");
    sign_in_with(&app, &mut device).await.is_problem(401, "The passkey was not accepted");
    first_step(&app, "ann").await;
    assert_eq!(delete(&app, &token, &second["passkey"]["id"], PASSWORD).await.status, 204);
    let off = app.get("/auth/two-factor").bearer(&token).send().await.json;
    assert_eq!((&off["enabled"], &off["recovery_codes_left"]), (&json!(false), &json!(0)));
    let login = app.post("/auth/login", json!({ "username": "ann", "password": PASSWORD })).send().await;
    assert_eq!(login.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn a_block_and_an_operator_end_what_a_passkey_opens() {
    let app = spawn().await;
    let (_, token, _) = member(&app, "ann").await;
    let (mut device, _) = make(&app, &token).await;
    let (making, made) = begin(&app, &token).await;
    assert!(auth::reset_two_factor(app.db(), "ann").await.unwrap());
    let gone = confirm(&app, &token, &making, authenticator().make(&made)).await;
    assert_eq!(gone.status, 401, "the session has ended");
    sign_in_with(&app, &mut device).await.is_problem(401, "The passkey was not accepted");
    let token = text(&crate::people::log_in(&app, "ann").await, "token");
    let (mut device, made) = make(&app, &token).await;
    assert_eq!(made["recovery_codes"].as_array().unwrap().len(), 10);
    let id = app.get("/auth/me").bearer(&token).send().await.json["id"].clone();
    let block = json!({ "id": id, "version": 1, "blocked": true });
    app.deliver("moderation.user", &[block]).await;
    sign_in_with(&app, &mut device).await.is_problem(403, "Account blocked");
    app.finish().await;
}

#[tokio::test]
async fn an_admin_with_a_passkey_has_the_rights_when_a_second_factor_is_demanded() {
    let app = TestApp::spawn(auth::NAME, async |mut deps| {
        deps.settings.public_url = ORIGIN.to_owned();
        let env = Env::of([("ADMIN_REQUIRE_TWO_FACTOR", "true")]);
        let config = auth::Config::from_env(&env, &deps.settings).unwrap();
        auth::build(config, deps).unwrap().0
    })
    .await;
    let login = json!({ "username": "admin", "password": "secret" });
    let token = text(&app.post("/auth/login", login).send().await.json, "token");
    let begun = app.post("/auth/passkeys", json!({ "password": "secret", "name": "Key" })).bearer(&token).send().await;
    let mut device = authenticator();
    let credential = device.make(&begun.json["options"]);
    assert_eq!(confirm(&app, &token, &text(&begun.json, "challenge"), credential).await.status, 201);
    let signed = sign_in_with(&app, &mut device).await.json;
    assert_eq!(signed["two_factor_enrolment_required"], Value::Null);
    assert_eq!(app.get("/auth/mails/parked").bearer(&text(&signed, "token")).send().await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn passkeys_need_a_domain_and_a_name() {
    let app = spawn_at("http://192.0.2.1:8000").await;
    let (_, token, _) = member(&app, "ann").await;
    let begun = app.post("/auth/passkeys", json!({ "password": PASSWORD, "name": "Key" })).bearer(&token).send().await;
    begun.is_problem(409, "Passkeys need a domain, and this installation has an IP address");
    assert_eq!(begun.json["code"], "passkeys_need_a_domain");
    app.post("/auth/passkeys/login", Value::Null).send().await.is_problem(409, "");
    let bob = member(&app, "bob").await.1;
    let long = "x".repeat(65);
    for bad in [
        json!({ "password": PASSWORD, "name": "" }),
        json!({ "password": PASSWORD, "name": long }),
        json!({ "password": PASSWORD, "name": "a\nb" }),
        json!({ "password": PASSWORD }),
        json!({ "password": "", "name": "Key" }),
        json!({ "password": PASSWORD, "name": "Key", "role": "admin" }),
    ] {
        app.post("/auth/passkeys", bad).bearer(&bob).send().await.is_problem(422, "");
    }
    let wrong = json!({ "password": "wrong password", "name": "Key" });
    app.post("/auth/passkeys", wrong).bearer(&bob).send().await.is_problem(403, "The current password is wrong");
    app.finish().await;
}

#[tokio::test]
async fn the_undoing_of_an_address_deletes_the_factors_that_were_added_since_the_change() {
    let app = spawn().await;
    let (_, token, _) = member(&app, "ann").await;
    let (mut own, _) = make(&app, &token).await;
    app.clock.advance(Duration::from_secs(60));
    // A thief with ann's password takes the account over.
    let change = json!({ "email": "thief@example.org", "password": PASSWORD });
    assert_eq!(app.post("/auth/email", change).bearer(&token).send().await.status, 202);
    let confirmed = link(&mails(&app, "thief@example.org", 1).await[0]);
    assert_eq!(app.post(&confirmed, Value::Null).send().await.status, 200);
    app.clock.advance(Duration::from_secs(60));
    let (mut thief, _) = make(&app, &token).await;
    assert_eq!(sign_in_with(&app, &mut thief).await.status, 200);
    let told = mails(&app, "ann@example.org", 3).await;
    let notice = told.iter().find(|mail| mail["subject"] == "Your e-mail address was changed").unwrap();
    assert_eq!(app.post(&link(notice), Value::Null).send().await.status, 200);
    assert_eq!(sign_in_with(&app, &mut thief).await.status, 401);
    assert_eq!(sign_in_with(&app, &mut own).await.status, 200, "the owner's own passkey stays");
    app.finish().await;
}
