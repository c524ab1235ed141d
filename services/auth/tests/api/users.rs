//! The look-up of people by id, by username and by a mask over their names.

use serde_json::{Value, json};
use testkit::app::TestApp;

use crate::people::{events, member, register, spawn};

async fn named(app: &TestApp, name: &str, first: &str, last: &str) -> i64 {
    let (id, access, _) = member(app, name).await;
    let patch = json!({ "first_name": first, "last_name": last });
    assert_eq!(app.patch("/auth/me", patch).bearer(&access).send().await.status, 200);
    id
}

async fn found(app: &TestApp, mask: &str) -> Vec<String> {
    let query: String = mask.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let answer = app.get(&format!("/users?name={query}")).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let users = answer.json["users"].as_array().unwrap().clone();
    users.iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn people_are_found_by_id_and_by_username() {
    let app = spawn().await;
    let id = named(&app, "Ann", "Ann", "Miller").await;
    register(&app, "bob").await;
    let expected = json!({
        "id": id, "username": "Ann", "first_name": "Ann", "last_name": "Miller", "bio": null,
        "created_at": "2026-03-01T12:00:00.000000Z"
    });
    assert_eq!(app.get(&format!("/users/{id}")).send().await.json, expected);
    let list = app.get("/users?username=aNN").send().await.json;
    assert_eq!(list, json!({ "users": [expected], "next": null }));
    for nobody in ["bob", "x", "nobody", "a%00b", "%27%20or%201=1", ""] {
        let answer = app.get(&format!("/users?username={nobody}")).send().await;
        assert_eq!((answer.status, answer.json), (200, json!({ "users": [], "next": null })));
    }
    let unverified = events(&app).await.last().map(|(_, state)| state["id"].clone()).unwrap();
    for path in [
        format!("/users/{unverified}"),
        "/users/0".into(),
        "/users/-1".into(),
        "/users/9223372036854775808".into(),
        "/users/9007199254740992".into(),
    ] {
        app.get(&path).send().await.is_problem(404, "User not found");
    }
    for bad in ["one", "1.5", "%00", "1e3", "%ff"] {
        app.get(&format!("/users/{bad}")).send().await.is_problem(400, "");
    }
}

#[tokio::test]
async fn masks_match_first_last_and_full_names_without_regard_to_case() {
    let app = spawn().await;
    named(&app, "ann", "Ann", "Öztürk").await;
    named(&app, "bob", "Bob", "Annable").await;
    named(&app, "per", "100%", "under_score").await;
    for (mask, expected) in [
        ("ann", vec!["ann"]),
        ("ANN*", vec!["bob", "ann"]),
        ("*ÖZ*", vec!["ann"]),
        ("ann öztürk", vec!["ann"]),
        ("a*k", vec!["ann"]),
        ("ＡＮＮ", vec!["ann"]),
        ("100%", vec!["per"]),
        ("%", vec![]),
        ("under_score", vec!["per"]),
        ("under-score", vec![]),
        ("_ob", vec![]),
        ("bo", vec![]),
        ("\\", vec![]),
        ("*", vec!["per", "bob", "ann", "admin"]),
    ] {
        assert_eq!(found(&app, mask).await, expected, "{mask}");
    }
    events(&app).await;
}

#[tokio::test]
async fn lists_have_pages() {
    let app = spawn().await;
    for name in ["ann", "bob", "eve"] {
        member(&app, name).await;
    }
    let (mut path, mut seen) = ("/users?name=*&limit=3".to_owned(), Vec::new());
    loop {
        let answer = app.get(&path).send().await;
        let users = answer.json["users"].as_array().unwrap().clone();
        seen.extend(users.iter().map(|user| user["username"].clone()));
        let Some(next) = answer.json["next"].as_str() else {
            assert!(!answer.headers.contains_key("link"));
            break;
        };
        path = format!("/users?name=*&limit=3&cursor={next}");
        assert_eq!(answer.headers["link"].to_str().unwrap(), format!("<{path}>; rel=\"next\""));
    }
    assert_eq!(seen, ["eve", "bob", "ann", "admin"].map(Value::from));
    events(&app).await;
}

#[tokio::test]
async fn bad_queries_are_refused() {
    let app = spawn().await;
    let long = format!("/users?name={}", "x".repeat(130));
    for bad in [
        "/users",
        "/users?name=",
        "/users?name=%20",
        "/users?name=%00",
        "/users?name=a&username=b",
        "/users?name=a&name=b",
        "/users?name=a&limit=x",
        "/users?name=a&limit=1.5",
        "/users?name=a&cursor=nonsense",
        "/users?name=a&cursor=%00",
        "/users?name=a&cursor=__________8",
        &long,
    ] {
        app.get(bad).send().await.is_problem(400, "");
    }
    for bad in ["0", "-1", "101", "9223372036854775807"] {
        app.get(&format!("/users?name=a&limit={bad}")).send().await.is_problem(422, "");
    }
}
