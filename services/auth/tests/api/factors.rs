//! Two-factor sign-in: authenticator apps, recovery codes, and admins who must have it.

use std::time::Duration;

use axum::http::Method;
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use testkit::app::{Answer, TestApp};
use totp_rs::{Builder, Secret};

use crate::people::{PASSWORD, log_in, mails, member, spawn, spawn_with, text};

/// An authenticator app.
struct App(totp_rs::Totp);

impl App {
    /// The code that the app shows at the time of the service.
    fn code(&self, app: &TestApp) -> String {
        self.0.generate(u64::try_from(app.clock.now().unix_seconds()).unwrap()).to_string()
    }
}

/// Begins to use an authenticator app.
async fn begin(app: &TestApp, token: &str) -> App {
    let begun = app.post("/auth/two-factor/app", json!({ "password": PASSWORD })).bearer(token).send().await;
    assert_eq!(begun.status, 200, "{}", begun.text);
    assert_eq!(begun.headers["cache-control"], "no-store");
    let secret = text(&begun.json, "secret");
    assert!(text(&begun.json, "uri").contains(&format!("secret={secret}")), "{}", begun.text);
    App(Builder::new().with_secret(Secret::try_from_base32(&secret).unwrap()).build().unwrap())
}

async fn confirm(app: &TestApp, token: &str, code: &str) -> Answer {
    app.post("/auth/two-factor/app/confirm", json!({ "code": code })).bearer(token).send().await
}

/// Turns two-factor sign-in on. Returns the app and the recovery codes.
async fn turn_on(app: &TestApp, token: &str) -> (App, Vec<String>) {
    let authenticator = begin(app, token).await;
    let on = confirm(app, token, &authenticator.code(app)).await;
    assert_eq!(on.status, 200, "{}", on.text);
    let codes = on.json["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned());
    (authenticator, codes.collect())
}

/// The first step of a login, with the right password. Returns the challenge.
async fn challenge(app: &TestApp, name: &str) -> String {
    let answer = app.post("/auth/login", json!({ "username": name, "password": PASSWORD })).send().await;
    answer.is_problem(401, "A second factor is required");
    assert_eq!(answer.json["code"], "second_factor_required");
    assert_eq!(answer.json["factors"], json!(["totp", "recovery_code"]));
    text(&answer.json, "challenge")
}

async fn pass(app: &TestApp, challenge: &str, code: &str) -> Answer {
    app.post("/auth/login/second-factor", json!({ "challenge": challenge, "code": code })).send().await
}

#[tokio::test]
async fn a_login_asks_for_a_code_which_is_used_once() {
    let app = spawn().await;
    let (id, token, refresh) = member(&app, "ann").await;
    let off =
        json!({ "enabled": false, "enabled_at": null, "app_since": null, "recovery_codes_left": 0, "passkeys": [] });
    assert_eq!(app.get("/auth/two-factor").bearer(&token).send().await.json, off);
    confirm(&app, &token, "123456").await.is_problem(409, "There is no authenticator app");
    let wrong = app.post("/auth/two-factor/app", json!({ "password": "wrong password" })).bearer(&token).send().await;
    wrong.is_problem(403, "The current password is wrong");
    // An app that was begun and not confirmed is no factor, and is replaced by the next one.
    begin(&app, &token).await;
    log_in(&app, "ann").await;
    let authenticator = begin(&app, &token).await;
    let code = authenticator.code(&app);
    let other = if code == "000000" { "000001" } else { "000000" };
    confirm(&app, &token, other).await.is_problem(401, "The code is wrong or was used before");
    let on = confirm(&app, &token, &code).await;
    assert_eq!((on.status, on.headers["cache-control"].to_str().unwrap()), (200, "no-store"));
    assert_eq!(on.json["recovery_codes"].as_array().unwrap().len(), 10);
    confirm(&app, &token, &code).await.is_problem(409, "Two-factor sign-in is on already");
    let again = app.post("/auth/two-factor/app", json!({ "password": PASSWORD })).bearer(&token).send().await;
    again.is_problem(409, "Two-factor sign-in is on already");
    let notice = mails(&app, "ann@example.org", 2).await.swap_remove(0);
    assert_eq!(notice["subject"], "Two-factor sign-in was changed");
    // A session that is open goes on, and so does its refresh.
    assert_eq!(app.post("/auth/refresh", json!({ "refresh_token": refresh })).send().await.status, 200);
    assert_eq!(app.get("/auth/two-factor").bearer(&token).send().await.json["recovery_codes_left"], 10);

    let first = challenge(&app, "ann").await;
    // The code of the confirmation is used up, and so is every older one.
    pass(&app, &first, &code).await.is_problem(401, "The code is wrong or was used before");
    app.clock.advance(Duration::from_secs(30));
    let code = authenticator.code(&app);
    let passed = pass(&app, &first, &code).await;
    assert_eq!((passed.status, passed.json["user_id"].as_i64()), (200, Some(id)), "{}", passed.text);
    assert_eq!(app.get("/auth/me").bearer(&text(&passed.json, "token")).send().await.status, 200);
    let second = challenge(&app, "ann").await;
    pass(&app, &second, &code).await.is_problem(401, "The code is wrong or was used before");
    pass(&app, &first, &code).await.is_problem(401, "The login has expired, begin again");
    pass(&app, "nothing", &code).await.is_problem(401, "The login has expired, begin again");
    pass(&app, "", "").await.is_problem(422, "");
    // A wrong password tells nothing of the second factor.
    let wrong = app.post("/auth/login", json!({ "username": "ann", "password": "wrong password" })).send().await;
    wrong.is_problem(401, "Invalid credentials");
    app.finish().await;
}

#[tokio::test]
async fn of_requests_with_the_same_code_at_the_same_moment_one_gets_in() {
    let app = spawn().await;
    let (_, token, _) = member(&app, "ann").await;
    let (authenticator, codes) = turn_on(&app, &token).await;
    app.clock.advance(Duration::from_secs(30));
    for code in [authenticator.code(&app), codes[0].clone()] {
        let challenges = [challenge(&app, "ann").await, challenge(&app, "ann").await, challenge(&app, "ann").await];
        let answers = join_all(challenges.iter().map(|challenge| pass(&app, challenge, &code))).await;
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401, 401]);
    }
    app.finish().await;
}

#[tokio::test]
async fn codes_can_be_guessed_a_few_times_and_a_challenge_lasts_five_minutes() {
    let app = spawn().await;
    let (_, token, _) = member(&app, "ann").await;
    let (authenticator, _) = turn_on(&app, &token).await;
    app.clock.advance(Duration::from_secs(30));
    let wrong = |app: &TestApp| if authenticator.code(app) == "000000" { "000001" } else { "000000" };
    let guessed = challenge(&app, "ann").await;
    for _ in 0..5 {
        pass(&app, &guessed, wrong(&app)).await.is_problem(401, "The code is wrong or was used before");
    }
    pass(&app, &guessed, &authenticator.code(&app)).await.is_problem(401, "The login has expired, begin again");
    let late = challenge(&app, "ann").await;
    app.clock.advance(Duration::from_secs(5 * 60));
    pass(&app, &late, &authenticator.code(&app)).await.is_problem(401, "The login has expired, begin again");
    // Ten guesses for an account, whatever number of challenges: five are used.
    let other = challenge(&app, "ann").await;
    for _ in 0..5 {
        pass(&app, &other, wrong(&app)).await.is_problem(401, "The code is wrong or was used before");
    }
    let limited = challenge(&app, "ann").await;
    let refused = pass(&app, &limited, &authenticator.code(&app)).await;
    refused.is_problem(429, "Too many tries, try again later");
    assert_eq!(refused.headers["retry-after"], "3600");
    app.clock.advance(Duration::from_secs(3_600));
    let free = challenge(&app, "ann").await;
    assert_eq!(pass(&app, &free, &authenticator.code(&app)).await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn a_recovery_code_replaces_the_app_once_and_is_told_by_mail() {
    let app = spawn().await;
    let (_, token, _) = member(&app, "ann").await;
    let (_, codes) = turn_on(&app, &token).await;
    let typed = codes[3].to_uppercase().replace('-', " ");
    assert_eq!(pass(&app, &challenge(&app, "ann").await, &typed).await.status, 200);
    let notice = mails(&app, "ann@example.org", 3).await.swap_remove(0);
    assert!(text(&notice, "text").contains("You have 9 left"), "{notice}");
    pass(&app, &challenge(&app, "ann").await, &codes[3]).await.is_problem(401, "");
    // New codes end the old ones.
    let renewed =
        app.post("/auth/two-factor/recovery-codes", json!({ "password": PASSWORD })).bearer(&token).send().await;
    assert_eq!((renewed.status, renewed.headers["cache-control"].to_str().unwrap()), (200, "no-store"));
    pass(&app, &challenge(&app, "ann").await, &codes[4]).await.is_problem(401, "");
    let new = renewed.json["recovery_codes"][0].as_str().unwrap();
    assert_eq!(pass(&app, &challenge(&app, "ann").await, new).await.status, 200);
    // The codes of one person open no other account.
    let (_, of_bob, _) = member(&app, "bob").await;
    turn_on(&app, &of_bob).await;
    let fresh = renewed.json["recovery_codes"][1].as_str().unwrap();
    pass(&app, &challenge(&app, "bob").await, fresh).await.is_problem(401, "The code is wrong or was used before");
    app.finish().await;
}

#[tokio::test]
async fn it_is_turned_off_with_the_password_and_a_reset_leaves_it_on() {
    let app = spawn().await;
    let (_, token, _) = member(&app, "ann").await;
    let (authenticator, _) = turn_on(&app, &token).await;
    app.post("/auth/password/forgot", json!({ "email": "ann@example.org" })).send().await;
    let mail = mails(&app, "ann@example.org", 3).await.swap_remove(0);
    let path = crate::people::link(&mail);
    let reset = json!({ "token": path.rsplit_once('/').unwrap().1, "password": PASSWORD.to_owned() + "!" });
    let waiting = challenge(&app, "ann").await;
    assert_eq!(app.post("/auth/password/reset", reset).send().await.status, 204);
    app.clock.advance(Duration::from_secs(30));
    // A login that was begun with the old password cannot be finished.
    pass(&app, &waiting, &authenticator.code(&app)).await.is_problem(401, "The login has expired, begin again");
    let login = json!({ "username": "ann", "password": PASSWORD.to_owned() + "!" });
    let answer = app.post("/auth/login", login.clone()).send().await;
    assert_eq!(answer.json["code"], "second_factor_required");
    let passed = pass(&app, &text(&answer.json, "challenge"), &authenticator.code(&app)).await;
    let token = text(&passed.json, "token");
    let off = async |password: &str| {
        let body = json!({ "password": password });
        app.call(Method::DELETE, "/auth/two-factor", Some(body)).bearer(&token).send().await
    };
    off("wrong password").await.is_problem(403, "The current password is wrong");
    assert_eq!(off(&(PASSWORD.to_owned() + "!")).await.status, 204);
    off(&(PASSWORD.to_owned() + "!")).await.is_problem(409, "Two-factor sign-in is off");
    assert_eq!(app.post("/auth/login", login).send().await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn the_app_alone_can_be_deleted_and_its_secret_is_not_in_the_database() {
    let app = spawn().await;
    let (_, token, _) = member(&app, "ann").await;
    let begun = app.post("/auth/two-factor/app", json!({ "password": PASSWORD })).bearer(&token).send().await;
    let secret = Secret::try_from_base32(text(&begun.json, "secret")).unwrap();
    let db = app.db().read();
    let statement = Statement::from_string(db.get_database_backend(), "SELECT secret FROM authenticator_apps");
    let stored: Vec<u8> = db.query_one_raw(statement).await.unwrap().unwrap().try_get("", "secret").unwrap();
    assert!(stored.len() > 20 && !stored.windows(20).any(|part| part == secret.as_ref()));
    let off = async |password: &str| {
        let body = json!({ "password": password });
        app.call(Method::DELETE, "/auth/two-factor/app", Some(body)).bearer(&token).send().await
    };
    // An app that was begun and not confirmed is none.
    off(PASSWORD).await.is_problem(409, "There is no authenticator app");
    turn_on(&app, &token).await;
    // The current password can be tried five times, and then once a minute.
    app.clock.advance(Duration::from_secs(5 * 60));
    off("wrong password").await.is_problem(403, "The current password is wrong");
    assert_eq!(off(PASSWORD).await.status, 204);
    off(PASSWORD).await.is_problem(409, "There is no authenticator app");
    log_in(&app, "ann").await;
    let codes =
        app.post("/auth/two-factor/recovery-codes", json!({ "password": PASSWORD })).bearer(&token).send().await;
    codes.is_problem(409, "Two-factor sign-in is off");
    app.finish().await;
}

#[tokio::test]
async fn oauth_clients_are_asked_for_the_second_factor_too() {
    let app = spawn().await;
    let (_, token, _) = member(&app, "ann").await;
    let (_, codes) = turn_on(&app, &token).await;
    let form = format!("grant_type=password&username=ann&password={}", PASSWORD.replace(' ', "+"));
    let asked =
        app.call(Method::POST, "/auth/token", None).body("application/x-www-form-urlencoded", form).send().await;
    assert_eq!((asked.status, &asked.json["error"]), (401, &json!("second_factor_required")), "{}", asked.text);
    assert_eq!(asked.json["factors"], json!(["totp", "recovery_code"]));
    assert_eq!(pass(&app, &text(&asked.json, "challenge"), &codes[0]).await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn admins_have_their_rights_with_a_second_factor_only_when_that_is_demanded() {
    let (app, _) = spawn_with(&[("ADMIN_REQUIRE_TWO_FACTOR", "true")]).await;
    let login = json!({ "username": "admin", "password": "secret" });
    let first = app.post("/auth/login", login.clone()).send().await.json;
    assert_eq!(first["two_factor_enrolment_required"], true);
    let (token, refresh) = (text(&first, "token"), text(&first, "refresh_token"));
    let status = async |token: &str| app.get("/auth/mails/parked").bearer(token).send().await.status;
    assert_eq!(status(&token).await, 403);
    let begun = app.post("/auth/two-factor/app", json!({ "password": "secret" })).bearer(&token).send().await.json;
    let secret = Secret::try_from_base32(text(&begun, "secret")).unwrap();
    let authenticator = App(Builder::new().with_secret(secret).build().unwrap());
    assert_eq!(confirm(&app, &token, &authenticator.code(&app)).await.status, 200);
    let next = app.post("/auth/refresh", json!({ "refresh_token": refresh })).send().await.json;
    assert_eq!(status(&text(&next, "token")).await, 200, "the next token carries the role");
    app.clock.advance(Duration::from_secs(30));
    let asked = app.post("/auth/login", login).send().await.json;
    let passed = pass(&app, &text(&asked, "challenge"), &authenticator.code(&app)).await.json;
    assert_eq!((&passed["two_factor_enrolment_required"], status(&text(&passed, "token")).await), (&Value::Null, 200));

    // The operator helps an admin who has lost everything.
    assert!(auth::reset_two_factor(app.db(), "Admin").await.unwrap());
    assert!(!auth::reset_two_factor(app.db(), "admin").await.unwrap(), "it is off already");
    assert!(auth::reset_two_factor(app.db(), "nobody").await.is_err());
    assert_eq!(status(&text(&passed, "token")).await, 401, "the sessions have ended");
    let again = app.post("/auth/login", json!({ "username": "admin", "password": "secret" })).send().await.json;
    assert_eq!(again["two_factor_enrolment_required"], true);
    app.finish().await;
}
