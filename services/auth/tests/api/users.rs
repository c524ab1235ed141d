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
    usernames(&list(app, "name", mask, "").await)
}

async fn list(app: &TestApp, field: &str, text: &str, rest: &str) -> Value {
    let query: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let answer = app.get(&format!("/users?{field}={query}{rest}")).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

fn usernames(list: &Value) -> Vec<String> {
    let users = list["users"].as_array().unwrap().clone();
    users.iter().map(|user| user["username"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn people_are_found_by_id_and_by_username() {
    let app = spawn().await;
    let id = named(&app, "Ann", "Ann", "Miller").await;
    register(&app, "bob").await;
    let expected = json!({
        "id": id, "username": "Ann", "first_name": "Ann", "last_name": "Miller", "bio": null, "avatar_url": format!("/users/{id}/avatar"),
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
        ("*NN*", vec!["bob", "ann"]),
        ("*nna*", vec!["bob"]),
        ("an*", vec!["bob", "ann"]),
        ("*ürk", vec!["ann"]),
        ("*n ö*", vec!["ann"]),
        ("*b*able", vec!["bob"]),
        ("bob*ann*e*", vec!["bob"]),
        ("ann*bob", vec![]),
        ("*0%", vec!["per"]),
        ("*block0*", vec![]),
        ("*\" OR \"ann*", vec![]),
        ("*ann' | 'bob*", vec![]),
        ("*", vec!["per", "bob", "ann", "admin"]),
    ] {
        assert_eq!(found(&app, mask).await, expected, "{mask}");
    }
    events(&app).await;
}

#[tokio::test]
async fn masks_find_the_names_of_today_only() {
    let app = spawn().await;
    let (id, access, _) = member(&app, "dan").await;
    let rename = async |name: Value| {
        let names = json!({ "first_name": name, "last_name": "Lee" });
        let answer = app.patch("/auth/me", names).bearer(&access).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    rename(json!("Quentin")).await;
    assert_eq!(found(&app, "*quen*").await, ["dan"]);
    rename(json!("Rupert")).await;
    assert_eq!((found(&app, "*quen*").await, found(&app, "*upe*").await), (vec![], vec!["dan".to_owned()]));
    rename(json!(null)).await;
    assert_eq!((found(&app, "*upe*").await, found(&app, "lee").await), (vec![], vec!["dan".to_owned()]));
    for (version, blocked, expected) in [(1, true, vec![]), (2, false, vec!["dan"])] {
        app.deliver("moderation.user", &[json!({ "id": id, "version": version, "blocked": blocked })]).await;
        assert_eq!(found(&app, "*lee*").await, expected);
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
async fn people_are_found_by_the_beginning_of_a_name_the_shortest_first() {
    let app = spawn().await;
    named(&app, "ann", "Ann", "Öztürk").await;
    named(&app, "annabel", "Zoë", "O'Brien").await;
    named(&app, "bob", "Bob Ann", "Müller").await;
    named(&app, "mei", "美玲", "王").await;
    let search = async |text: &str| usernames(&list(&app, "search", text, "").await);
    for (text, expected) in [
        ("ann", vec!["ann", "bob", "annabel"]),
        ("ANNA", vec!["annabel"]),
        ("ann ö", vec!["ann"]),
        ("ann-oz", vec!["ann"]),
        ("ozt", vec!["ann"]),
        ("brien", vec!["annabel"]),
        ("o'b", vec!["annabel"]),
        ("zoe", vec!["annabel"]),
        ("mull", vec!["bob"]),
        ("Ann M", vec!["bob"]),
        ("美", vec!["mei"]),
        ("王", vec!["mei"]),
        ("nn", vec![]),
        ("z", vec!["annabel"]),
        ("!", vec![]),
        ("", vec![]),
        ("\u{301}", vec![]),
        ("%", vec![]),
    ] {
        assert_eq!(search(text).await, expected, "{text}");
    }
    // Pages of every size lead through the same list.
    for limit in 1..4 {
        let (mut seen, mut rest) = (Vec::new(), format!("&limit={limit}"));
        loop {
            let page = list(&app, "search", "ann", &rest).await;
            seen.extend(usernames(&page));
            let Some(next) = page["next"].as_str() else { break };
            rest = format!("&limit={limit}&cursor={next}");
        }
        assert_eq!(seen, ["ann", "bob", "annabel"], "{limit}");
    }
    // The cursor of somebody who is hidden now tells nothing: neither that the name begins so, nor who comes after it.
    let page = list(&app, "search", "ann", "&limit=1").await;
    let (id, next) = (page["users"][0]["id"].clone(), page["next"].as_str().unwrap());
    app.deliver("moderation.user", &[json!({ "id": id, "version": 1, "blocked": true })]).await;
    assert_eq!(usernames(&list(&app, "search", "ann", &format!("&limit=1&cursor={next}")).await), [""; 0]);
    // A person with another name is found by the new one only, and somebody without an account by none.
    let (id, access, _) = member(&app, "dan").await;
    app.patch("/auth/me", json!({ "first_name": "Quentin" })).bearer(&access).send().await;
    app.patch("/auth/me", json!({ "first_name": "Rupert" })).bearer(&access).send().await;
    assert_eq!((search("quen").await, search("rup").await), (vec![], vec!["dan".to_owned()]));
    app.deliver("moderation.user", &[json!({ "id": id, "version": 1, "blocked": true })]).await;
    assert_eq!(search("rup").await, [""; 0]);
    register(&app, "unverified").await;
    assert_eq!(search("unver").await, [""; 0]);
    events(&app).await;
}

#[tokio::test]
async fn bad_queries_are_refused() {
    let app = spawn().await;
    let long = format!("/users?name={}", "x".repeat(130));
    let searched = format!("/users?search={}", "x".repeat(201));
    for bad in [
        "/users",
        "/users?name=",
        "/users?name=%20",
        "/users?name=%00",
        "/users?name=a&username=b",
        "/users?name=a&search=b",
        "/users?search=b&username=b",
        &searched,
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
