//! The profile of the person who asks, and the first admin.

use axum::http::Method;
use secrecy::SecretString;
use serde_json::json;

use crate::people::{events, member, pointers, spawn, spawn_with, text};

#[tokio::test]
async fn a_profile_is_read_and_changed() {
    let app = spawn().await;
    let (id, access, _) = member(&app, "ann").await;
    events(&app).await;
    let mut expected = json!({
        "id": id, "username": "ann", "email": "ann@example.org", "first_name": null, "last_name": null, "bio": null, "avatar_url": format!("/users/{id}/avatar"),
        "created_at": "2026-03-01T12:00:00.000000Z", "is_active": true, "role": "user", "mail_digest": false
    });
    assert_eq!(app.get("/auth/me").bearer(&access).send().await.json, expected);
    let patch = json!({ "first_name": "Ann", "bio": "Line one\n\tline two 👩‍🚀" });
    for _again in 0..2 {
        let answer = app.patch("/auth/me", patch.clone()).bearer(&access).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        expected["first_name"] = json!("Ann");
        expected["bio"] = patch["bio"].clone();
        assert_eq!(answer.json, expected);
    }
    let news = events(&app).await;
    assert_eq!(news.len(), 1, "what changes nothing emits nothing");
    assert_eq!((&news[0].1["version"], &news[0].1["bio"]), (&json!(3), &patch["bio"]));
    let answer = app.patch("/auth/me", json!({ "first_name": null, "last_name": "M" })).bearer(&access).send().await;
    assert_eq!((&answer.json["first_name"], &answer.json["last_name"]), (&json!(null), &json!("M")));
    assert_eq!(app.patch("/auth/me", json!({})).bearer(&access).send().await.status, 200);
    assert_eq!(events(&app).await.len(), 1);
}

#[tokio::test]
async fn a_bad_change_names_its_fields() {
    let app = spawn().await;
    let (_, access, _) = member(&app, "ann").await;
    for (field, bad) in [
        ("first_name", json!("x".repeat(65))),
        ("first_name", json!("a\r\nb")),
        ("last_name", json!("\u{0}")),
        ("bio", json!("x".repeat(501))),
        ("bio", json!("a\u{7}b")),
        ("bio", json!(1)),
        ("username", json!("bob")),
        ("email", json!("bob@example.org")),
        ("role", json!("admin")),
    ] {
        let answer = app.patch("/auth/me", json!({ field: bad })).bearer(&access).send().await;
        answer.is_problem(422, "");
        assert_eq!(pointers(&answer), [format!("/{field}")]);
    }
    let call = || app.call(Method::PATCH, "/auth/me", None).bearer(&access);
    call().body("application/json", "{").send().await.is_problem(400, "");
    call().body("text/plain", "{}").send().await.is_problem(415, "");
    call().body("application/json", "[]").send().await.is_problem(422, "");
    events(&app).await;
}

#[tokio::test]
async fn development_has_an_admin_and_the_operator_makes_more() {
    let app = spawn().await;
    let answer = app.post("/auth/login", json!({ "username": "admin", "password": "secret" })).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let me = app.get("/auth/me").bearer(&text(&answer.json, "token")).send().await.json;
    assert_eq!(
        (&me["role"], &me["email"], &me["is_active"]),
        (&json!("admin"), &json!("admin@chatty.example"), &json!(true))
    );

    let password = SecretString::from("a boat, a lamp, a horse");
    auth::create_admin(app.db(), "Boss", &password).await.unwrap();
    let again = auth::create_admin(app.db(), "boss", &password).await;
    assert_eq!(again.unwrap_err().to_string(), "Username already registered");
    assert!(auth::create_admin(app.db(), "x", &password).await.is_err());
    assert!(auth::create_admin(app.db(), "chief", &SecretString::from("secret")).await.is_err());
    let events = events(&app).await;
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0].1["role"], &events[0].1["verified"]), (&json!("admin"), &json!(true)));
}

#[tokio::test]
async fn the_first_admin_can_be_named() {
    let (app, _) = spawn_with(&[("ADMIN_USERNAME", "boss"), ("ADMIN_PASSWORD", "a boat, a lamp, a horse")]).await;
    let login = |name, password| app.post("/auth/login", json!({ "username": name, "password": password })).send();
    assert_eq!(login("boss", "a boat, a lamp, a horse").await.status, 200);
    login("admin", "secret").await.is_problem(401, "Invalid credentials");
}
