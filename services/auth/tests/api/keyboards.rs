//! Passwords, usernames and names are the same on every keyboard, whatever characters it produces for them.

use argon2::{Argon2, PasswordHasher};
use axum::http::Method;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use testkit::app::TestApp;

use crate::people::{events, join, link, mails, member, spawn};

const COMPOSED: &str = "contrase\u{f1}a de niño";
const DECOMPOSED: &str = "contrasen\u{303}a de nin\u{303}o";

async fn with_password(app: &TestApp, name: &str, password: &str) {
    let email = format!("{name}@example.org");
    let body = json!({ "username": name, "email": email, "password": password });
    let answer = app.post("/auth/register", body).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let link = link(&mails(app, &email, 1).await[0]);
    assert_eq!(app.post(&link, Value::Null).send().await.status, 200);
}

async fn log_in(app: &TestApp, name: &str, password: &str) -> u16 {
    app.post("/auth/login", json!({ "username": name, "password": password })).send().await.status
}

#[tokio::test]
async fn a_password_is_the_same_on_every_keyboard() {
    let app = spawn().await;
    with_password(&app, "ann", COMPOSED).await;
    with_password(&app, "bob", DECOMPOSED).await;
    for name in ["ann", "bob"] {
        for password in [COMPOSED, DECOMPOSED, "ｃontraseña de niño"] {
            assert_eq!(log_in(&app, name, password).await, 200, "{name} {password}");
            let form = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs([("grant_type", "password"), ("username", name), ("password", password)])
                .finish();
            let token = app.call(Method::POST, "/auth/token", None).body("application/x-www-form-urlencoded", form);
            assert_eq!(token.send().await.status, 200, "{name} {password}");
        }
        assert_eq!(log_in(&app, name, "contrasena de nino").await, 401);
    }
    events(&app).await;
}

/// The limits count the normal form: 128 letters with accents are 128, also from a keyboard that sends each as two
/// characters.
#[tokio::test]
async fn the_longest_password_can_be_typed_on_every_keyboard() {
    let app = spawn().await;
    let syllables: String =
        "가나다라마바사아".chars().filter(|c| *c != '마').chain(['한']).collect::<String>().repeat(16);
    assert_eq!(syllables.chars().count(), 128);
    with_password(&app, "ann", &syllables.replace('한', "\u{1112}\u{1161}\u{11ab}")).await;
    let jamo: String = unicode_normalization::UnicodeNormalization::nfd(syllables.as_str()).collect();
    assert!(jamo.chars().count() > 250);
    for password in [&syllables, &jamo] {
        assert_eq!(log_in(&app, "ann", password).await, 200);
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("grant_type", "password"), ("username", "ann"), ("password", password)])
            .finish();
        let token = app.call(Method::POST, "/auth/token", None).body("application/x-www-form-urlencoded", form);
        assert_eq!(token.send().await.status, 200);
    }
    events(&app).await;
}

/// Old hashes were made of the typed text instead of its normal form.
#[tokio::test]
async fn a_hash_of_the_raw_password_still_fits_and_is_made_anew() {
    let app = spawn().await;
    join(&app, "ann").await;
    let old = Argon2::default().hash_password(DECOMPOSED.as_bytes()).unwrap().to_string();
    let tx = app.db().begin().await.unwrap();
    let sql = format!("UPDATE users SET password_hash = '{old}' WHERE username = 'ann'");
    tx.execute_raw(Statement::from_string(tx.get_database_backend(), sql)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(log_in(&app, "ann", "a wrong password").await, 401);
    assert_eq!(log_in(&app, "ann", COMPOSED).await, 401, "the old hash is of other signs");
    assert_eq!(log_in(&app, "ann", DECOMPOSED).await, 200);
    for password in [COMPOSED, DECOMPOSED] {
        assert_eq!(log_in(&app, "ann", password).await, 200, "{password}");
    }
    events(&app).await;
}

#[tokio::test]
async fn names_are_found_as_they_are_typed() {
    let app = spawn().await;
    let (_, access, _) = member(&app, "Ann").await;
    let found = async |query: &str| {
        let query = url::form_urlencoded::byte_serialize(query.as_bytes()).collect::<String>();
        let by_name = app.get(&format!("/users?name={query}")).send().await.json;
        let by_username = app.get(&format!("/users?username={query}")).send().await.json;
        (by_name["users"].as_array().unwrap().len(), by_username["users"].as_array().unwrap().len())
    };
    for (stored, typed) in [
        ("Οδυσσεύς", vec!["ΟΔΥΣΣΕΎΣ", "οδυσσευ\u{301}σ", "Οδυσσεύς", "ΟΔΥΣ*ΎΣ"]),
        ("Straße", vec!["STRASSE", "strasse", "STRAẞE", "straße", "*SS*"]),
        ("Ann Nuñez", vec!["ann nun\u{303}ez", "ＡＮＮ　ＮＵÑＥＺ", "ANN NUÑEZ"]),
        ("ﬁona", vec!["Fiona", "FIONA", "ﬁONA"]),
        ("Jo\u{200d}hn\u{ad}ny", vec!["johnny", "JOHN*", "jo\u{200d}hn\u{ad}ny"]),
    ] {
        let patch = app.patch("/auth/me", json!({ "last_name": stored })).bearer(&access).send().await;
        assert_eq!(patch.status, 200);
        for typed in typed {
            assert_eq!(found(typed).await, (1, 0), "{stored} as {typed}");
        }
    }
    for typed in ["ann", "ANN", "ａｎｎ", "ＡＮＮ"] {
        assert_eq!(found(typed).await.1, 1, "{typed}");
        assert_eq!(log_in(&app, typed, crate::people::PASSWORD).await, 200, "{typed}");
    }
    events(&app).await;
}
