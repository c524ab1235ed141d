//! Moderation decisions about people: delivered twice, out of order, and the sessions that a block ends.

use serde_json::{Value, json};
use testkit::app::TestApp;

use crate::people::{PASSWORD, events, member, spawn};

async fn decide(app: &TestApp, id: i64, version: i64, blocked: bool) -> Vec<Value> {
    app.deliver("moderation.user", &[json!({ "id": id, "version": version, "blocked": blocked })]).await;
    events(app).await.into_iter().map(|(_, state)| state).collect()
}

#[tokio::test]
async fn a_block_ends_the_session_at_once_and_an_unblock_restores() {
    let app = spawn().await;
    let (id, access, refresh) = member(&app, "ann").await;
    events(&app).await;
    let states = decide(&app, id, 1, true).await;
    assert_eq!(states.len(), 1);
    assert_eq!((&states[0]["blocked"], &states[0]["verified"]), (&json!(true), &json!(true)));
    assert_eq!((&states[0]["version"], &states[0]["session_version"]), (&json!(3), &json!(1)));
    app.get("/auth/me").bearer(&access).send().await.is_problem(403, "Account blocked");
    app.patch("/auth/me", json!({ "bio": "x" })).bearer(&access).send().await.is_problem(403, "Account blocked");
    app.post("/auth/refresh", json!({ "refresh_token": refresh })).send().await.is_problem(401, "");
    app.get(&format!("/users/{id}")).send().await.is_problem(404, "User not found");
    assert_eq!(app.get("/users?username=ann").send().await.json["users"], json!([]));
    assert_eq!(app.get("/users?name=*").send().await.json["users"][0]["username"], "admin");

    let states = decide(&app, id, 2, false).await;
    assert_eq!((&states[0]["blocked"], &states[0]["version"]), (&json!(false), &json!(4)));
    assert_eq!(app.get(&format!("/users/{id}")).send().await.status, 200);
    // An unblock does not revive the sessions that the block has ended.
    app.get("/auth/me").bearer(&access).send().await.is_problem(401, "");
    app.post("/auth/refresh", json!({ "refresh_token": refresh })).send().await.is_problem(401, "");
    let login = app.post("/auth/login", json!({ "username": "ann", "password": PASSWORD })).send().await;
    assert_eq!(login.status, 200);
}

#[tokio::test]
async fn decisions_count_once_and_in_their_own_order() {
    let app = spawn().await;
    let (id, ..) = member(&app, "ann").await;
    events(&app).await;
    assert_eq!(decide(&app, id, 5, true).await.len(), 1);
    assert!(decide(&app, id, 5, true).await.is_empty());
    assert!(decide(&app, id, 4, false).await.is_empty());
    app.post("/auth/login", json!({ "username": "ann", "password": PASSWORD }))
        .send()
        .await
        .is_problem(403, "Account blocked");
    // A new decision, but the person is blocked already: the sessions are not ended a second time.
    let states = decide(&app, id, 6, true).await;
    assert_eq!(states[0]["session_version"], 1);
    assert_eq!(decide(&app, id, 8, false).await[0]["blocked"], false);
    assert!(decide(&app, id, 7, true).await.is_empty());
}

#[tokio::test]
async fn a_decision_about_nobody_stops_nothing() {
    let app = spawn().await;
    let (id, ..) = member(&app, "ann").await;
    events(&app).await;
    let both =
        [json!({ "id": 4_711, "version": 1, "blocked": true }), json!({ "id": id, "version": 1, "blocked": true })];
    app.deliver("moderation.user", &both).await;
    let streams: Vec<String> = events(&app).await.into_iter().map(|(stream, _)| stream).collect();
    assert_eq!(streams, ["user"], "the other decision is applied");
}

#[tokio::test]
async fn reconcile_sees_what_was_applied() {
    let app = spawn().await;
    let (id, ..) = member(&app, "ann").await;
    events(&app).await;
    decide(&app, id, 3, true).await;
    let consumers = &app.service().streams.consumers;
    let rows = consumers[0].page(app.db().read(), None, 10).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].content, json!({ "id": id, "version": 3, "blocked": true }));
    let tx = app.db().begin().await.unwrap();
    consumers[0].delete(&tx, &rows[0].key, 2).await.unwrap();
    consumers[0].delete(&tx, &rows[0].key, 3).await.unwrap();
    tx.commit().await.unwrap();
    assert!(consumers[0].page(app.db().read(), None, 10).await.unwrap().is_empty());
    assert_eq!(decide(&app, id, 3, true).await[0]["session_version"], 1);

    let sources = &app.service().streams.sources;
    let all = sources[0].page(app.db().read(), None, 10).await.unwrap();
    assert_eq!(all.len(), 2);
    let (key, version, state) = &all[1];
    assert_eq!((key.first(), state["username"].as_str(), state["version"].as_i64()), (id, Some("ann"), Some(*version)));
    assert!(state.get("email").is_none() && state.get("password_hash").is_none());
    assert_eq!(&sources[0].find(app.db().read(), std::slice::from_ref(key)).await.unwrap()[0], &all[1]);
}
