//! Registration: its answers, its events, and the refusal of bad input.

use axum::http::Method;
use serde_json::{Value, json};

use crate::people::{PASSWORD, events, join, link, mails, pointers, register, spawn};

fn body(changes: Value) -> Value {
    let mut body = json!({ "username": "ann", "email": "ann@example.org", "password": PASSWORD });
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

#[tokio::test]
async fn a_repeated_registration_gets_the_first_answer() {
    let app = spawn().await;
    let register = async |changes: Value| {
        let call = app.post("/auth/register", body(changes)).header("idempotency-key", "a-first-try");
        call.send().await
    };
    let first = register(json!({})).await;
    let again = register(json!({})).await;
    assert_eq!((first.status, &first.text), (201, &again.text));
    assert_eq!((again.status, again.headers["idempotency-replayed"].to_str().unwrap()), (201, "true"));
    // One account and one mail.
    assert_eq!(events(&app).await.len(), 1);
    assert_eq!(mails(&app, "ann@example.org", 1).await.len(), 1);
    register(json!({ "email": "else@example.org" })).await.is_problem(422, "");
    // The same registration without the key is a new one, and the username is taken.
    app.post("/auth/register", body(json!({}))).send().await.is_problem(409, "Username already registered");
    app.finish().await;
}

#[tokio::test]
async fn somebody_registers_and_verifies() {
    let app = spawn().await;
    let answer = app.post("/auth/register", body(json!({ "first_name": "Ann", "last_name": "Ünal 🌻" }))).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.json, json!({ "message": "User ann registered, check your email" }));
    let news = events(&app).await;
    let (stream, state) = &news[0];
    assert_eq!((news.len(), stream.as_str()), (1, "user"));
    let mut expected = json!({
        "id": state["id"], "version": 1, "deleted": false, "username": "ann", "first_name": "Ann", "last_name": "Ünal 🌻",
        "bio": null, "created_at": "2026-03-01T12:00:00.000000Z", "verified": false, "blocked": false, "role": "user",
        "session_version": 0
    });
    assert_eq!(state, &expected);

    let login = json!({ "username": "ann", "password": PASSWORD });
    app.post("/auth/login", login.clone()).send().await.is_problem(403, "Account not verified");
    let mails = mails(&app, "ann@example.org", 1).await;
    assert_eq!(mails[0]["to"], "ann@example.org");
    assert_eq!(mails[0]["created_at"], "2026-03-01T12:00:00.000000Z");
    for _again in 0..2 {
        let answer = app.get(&link(&mails[0])).header("accept", "application/json").send().await;
        assert_eq!((answer.status, answer.json), (200, json!({ "message": "Account verified" })));
    }
    expected["version"] = json!(2);
    expected["verified"] = json!(true);
    assert_eq!(events(&app).await, [("user".to_owned(), expected)]);
    assert_eq!(app.post("/auth/login", login).send().await.status, 200);
}

#[tokio::test]
async fn a_taken_username_is_said_and_a_known_address_is_not() {
    let app = spawn().await;
    join(&app, "ann").await;
    events(&app).await;
    let taken =
        app.post("/auth/register", body(json!({ "username": "ANN", "email": "other@example.org" }))).send().await;
    taken.is_problem(409, "Username already registered");
    let both = app.post("/auth/register", body(json!({ "username": "Ann", "email": "ANN@example.org" }))).send().await;
    both.is_problem(409, "Username already registered");
    let known = app.post("/auth/register", body(json!({ "username": "bob", "email": "ANN@Example.org" }))).send().await;
    assert_eq!((known.status, known.json), (201, json!({ "message": "User bob registered, check your email" })));
    let mails = mails(&app, "ann@example.org", 2).await;
    assert_eq!(mails[0]["subject"], "You already have an account");
    assert!(!mails[0]["text"].as_str().unwrap().contains("bob"));
    assert!(events(&app).await.is_empty());
    // Neither a login nor another registration reveals that there is no account.
    let login = |password: &str| app.post("/auth/login", json!({ "username": "Bob", "password": password }));
    login(PASSWORD).send().await.is_problem(403, "Account not verified");
    login("another password").send().await.is_problem(401, "Invalid credentials");
    for email in ["ann@example.org", "free@example.org"] {
        let again = app.post("/auth/register", body(json!({ "username": "BOB", "email": email }))).send().await;
        again.is_problem(409, "Username already registered");
    }
}

#[tokio::test]
async fn fields_that_break_a_rule_are_named() {
    let app = spawn().await;
    let long = "x".repeat(65);
    let cases = [
        (
            "username",
            vec![
                json!(""),
                json!("ab"),
                json!("x".repeat(33)),
                json!("a b c"),
                json!("-ann"),
                json!("ann\0"),
                json!("änn"),
                json!("Admin"),
                json!(1),
                json!(null),
                json!([]),
            ],
        ),
        (
            "email",
            vec![
                json!(""),
                json!("ann"),
                json!("ann@"),
                json!("ann@example.org\r\nBcc: bob@example.org"),
                json!(format!("{long}@example.org")),
                json!(7),
                json!({}),
            ],
        ),
        (
            "password",
            vec![
                json!(""),
                json!("1234567"),
                json!("x".repeat(129)),
                json!("password123"),
                json!("Passw0rd!"),
                json!("ann12345"),
                json!("ann@example.org"),
                json!("ANN@EXAMPLE.ORG"),
                json!(12_345_678),
                json!(true),
            ],
        ),
        ("first_name", vec![json!(long), json!("a\nb"), json!("a\0b"), json!("a\u{85}b"), json!(1)]),
        ("last_name", vec![json!(long), json!("a\tb"), json!("a\u{7f}"), json!(["x"])]),
        ("role", vec![json!("admin")]),
        ("is_active", vec![json!(true)]),
    ];
    for (field, values) in cases {
        for value in values {
            let answer = app.post("/auth/register", body(json!({ field: value.clone() }))).send().await;
            answer.is_problem(422, "");
            assert_eq!(pointers(&answer), [format!("/{field}")], "{value}: {}", answer.text);
        }
    }
    for field in ["username", "email", "password"] {
        let mut less = body(json!({}));
        less.as_object_mut().unwrap().remove(field);
        let answer = app.post("/auth/register", less).send().await;
        answer.is_problem(422, "");
        assert_eq!(pointers(&answer), [format!("/{field}")]);
    }
    assert!(events(&app).await.is_empty());
}

#[tokio::test]
async fn bodies_that_are_no_json_are_refused_by_every_route() {
    let app = spawn().await;
    for path in ["/auth/register", "/auth/login", "/auth/refresh", "/auth/logout", "/auth/verify/resend"] {
        let call = || app.call(Method::POST, path, None);
        for broken in ["", "{", "{\"", "nonsense", "[", "{\"\\ud800\":1}"] {
            call().body("application/json", broken).send().await.is_problem(400, "");
        }
        call().body("application/json", [b'"', 0xff, b'"']).send().await.is_problem(400, "");
        call()
            .body("application/json", format!("{}1{}", "[".repeat(500), "]".repeat(500)))
            .send()
            .await
            .is_problem(422, "");
        for wrong in ["[]", "1", "null", "\"x\"", "{}"] {
            call().body("application/json", wrong).send().await.is_problem(422, "");
        }
        call()
            .body("application/json", format!("{{\"username\":\"{}\"}}", "x".repeat(70_000)))
            .send()
            .await
            .is_problem(413, "");
        call().body("text/plain", "{}").send().await.is_problem(415, "");
        call().send().await.is_problem(415, "");
        app.get(path).send().await.is_problem(405, "");
    }
}

#[tokio::test]
async fn no_mail_goes_to_two_people_and_the_address_is_kept_as_given() {
    let app = spawn().await;
    let answer = app.post("/auth/register", body(json!({ "email": "Ann.Miller@Example.ORG" }))).send().await;
    assert_eq!(answer.status, 201);
    let mails = mails(&app, "ann.miller@example.org", 1).await;
    assert_eq!(mails[0]["to"], "Ann.Miller@Example.ORG");
    assert_eq!(register(&app, "bob").await.status, 201);
    assert_eq!(events(&app).await.len(), 2);
}
