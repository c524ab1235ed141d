//! People who leave: the account, the receipt and the confirmations of the other services.

use axum::http::Method;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use testkit::app::{Answer, TestApp};

use crate::people::{PASSWORD, events, join, link, log_in, mails, member, register, spawn, text};

async fn leave(app: &TestApp, token: &str, password: &str) -> Answer {
    let body = json!({ "password": password });
    app.call(Method::DELETE, "/auth/me", Some(body)).bearer(token).send().await
}

/// The path of the receipt in an answer or a mail.
fn receipt_path(url: &str) -> String {
    let (_, rest) = url.split_once("/auth/").unwrap();
    format!("/auth/{rest}")
}

#[tokio::test]
async fn a_person_leaves_with_the_password_and_gets_a_receipt() {
    let app = spawn().await;
    let (id, token, refresh) = member(&app, "ann").await;
    log_in(&app, "ann").await;
    events(&app).await;
    leave(&app, &token, "wrong password").await.is_problem(403, "The current password is wrong");
    leave(&app, &token, "").await.is_problem(422, "");
    app.call(Method::DELETE, "/auth/me", Some(json!({}))).bearer(&token).send().await.is_problem(422, "");
    assert_eq!(app.get("/auth/me").bearer(&token).send().await.status, 200);

    let left = leave(&app, &token, PASSWORD).await;
    assert_eq!(left.status, 202, "{}", left.text);
    let url = text(&left.json, "receipt");
    assert_eq!(left.headers["location"], url.as_str());
    assert_eq!(left.headers["cache-control"], "no-store");
    let tombstone = &events(&app).await[0];
    assert_eq!(tombstone.0, "user");
    let expected = json!({
        "id": id, "version": 3, "deleted": true, "username": null, "first_name": null, "last_name": null, "bio": null,
        "created_at": null, "verified": false, "blocked": false, "role": null, "session_version": 1
    });
    assert_eq!(tombstone.1, expected);
    // Nothing works any more, and a stranger cannot tell that there was an account.
    app.get("/auth/me").bearer(&token).send().await.is_problem(401, "The session has ended, log in again");
    app.post("/auth/refresh", json!({ "refresh_token": refresh })).send().await.is_problem(401, "");
    let login = app.post("/auth/login", json!({ "username": "ann", "password": PASSWORD })).send().await;
    login.is_problem(401, "Invalid credentials");
    app.get(&format!("/users/{id}")).send().await.is_problem(404, "User not found");
    // The only mail that is left is the receipt, and both addresses lead to it.
    let mail = mails(&app, "ann@example.org", 1).await.swap_remove(0);
    assert_eq!((text(&mail, "subject").as_str(), link(&mail)), ("Your account was deleted", receipt_path(&url)));
    let receipt = app.get(&link(&mail)).send().await.json;
    assert_eq!((&receipt["complete"], &receipt["services"][0]["service"]), (&json!(false), &json!("auth")));
    assert_eq!(receipt["services"][0]["counts"], json!({ "accounts": 1, "sessions": 2, "mails": 1 }));
    assert_eq!(
        receipt["services"][1],
        json!({ "service": "posts", "confirmed_at": null, "complete": false, "counts": {} })
    );
    app.get("/auth/erasures/nothing").send().await.is_problem(404, "Receipt not found");
    // Name and address are free.
    join_again(&app).await;
    app.finish().await;
}

/// Registers with the name and the address of the person who has left.
async fn join_again(app: &TestApp) {
    assert_eq!(register(app, "ann").await.status, 201);
    let newest = mails(app, "ann@example.org", 2).await.swap_remove(0);
    assert_eq!(app.post(&link(&newest), Value::Null).send().await.status, 200);
    log_in(app, "ann").await;
}

#[tokio::test]
async fn the_receipt_shows_the_confirmations_of_the_services() {
    let app = spawn().await;
    let (id, token, _) = member(&app, "ann").await;
    let url = text(&leave(&app, &token, PASSWORD).await.json, "receipt");
    let path = receipt_path(&url);
    let state = |version: i64, posts: i64| json!({ "id": id, "version": version, "complete": version == 2, "counts": { "posts": posts } });
    app.deliver("erasure_done.posts", &[state(1, 3)]).await;
    let posts = async || app.get(&path).send().await.json["services"][1].clone();
    assert_eq!((&posts().await["complete"], &posts().await["counts"]), (&json!(false), &json!({ "posts": 3 })));
    // Twice and out of order, as every state may come.
    app.deliver("erasure_done.posts", &[state(2, 4)]).await;
    app.deliver("erasure_done.posts", &[state(1, 3)]).await;
    assert_eq!((&posts().await["complete"], &posts().await["counts"]), (&json!(true), &json!({ "posts": 4 })));
    for service in ["subscriptions", "admin", "recommendations"] {
        let done = json!({ "id": id, "version": 2, "complete": true, "counts": {} });
        app.deliver(&format!("erasure_done.{service}"), &[done]).await;
    }
    assert_eq!(app.get(&path).send().await.json["complete"], true);
    let page = app.get(&path).header("accept", "text/html").send().await;
    let location = path.replace("/auth/erasures/", "http://127.0.0.1:8080/receipt/");
    assert_eq!((page.status, page.headers["location"].to_str().unwrap()), (303, &*location));
    app.finish().await;
}

#[tokio::test]
async fn nothing_of_the_person_is_left_in_the_database() {
    let app = spawn().await;
    app.post("/auth/register", json!({ "username": "quagga", "email": "quagga@example.org", "password": PASSWORD }))
        .header("idempotency-key", "1")
        .send()
        .await;
    let mail = mails(&app, "quagga@example.org", 1).await.swap_remove(0);
    app.post(&link(&mail), Value::Null).send().await;
    let token = text(&log_in(&app, "quagga").await, "token");
    app.patch("/auth/me", json!({ "bio": "I am a quagga" })).bearer(&token).header("user-agent", "quagga").send().await;
    app.post("/auth/password/forgot", json!({ "email": "quagga@example.org" })).send().await;
    join(&app, "ann").await;
    assert_eq!(leave(&app, &token, PASSWORD).await.status, 202);
    // The receipt is in the development mailbox; a mail server would have got it.
    app.eventually(async || mails(&app, "quagga@example.org", 1).await.len() == 1, "the receipt").await;
    let tx = app.db().begin().await.unwrap();
    tx.execute_unprepared("DELETE FROM mail_jobs WHERE kind = 'receipt'").await.unwrap();
    tx.commit().await.unwrap();
    let backend = app.db().read().get_database_backend();
    let tables = ["users", "erased_users", "receipts", "sessions", "links", "mail_jobs", "limits", "reservations"];
    for table in tables {
        let columns = match table {
            "users" => "username || email || coalesce(bio, '')",
            "sessions" => "coalesce(client, '') || coalesce(address, '')",
            "links" => "email_key || coalesce(address, '')",
            "mail_jobs" => "to_address || text",
            "limits" => "key",
            "reservations" => "username_key",
            "receipts" => "counts",
            _ => "CAST(id AS text)",
        };
        let sql = format!("SELECT {columns} AS held FROM {table}");
        for row in app.db().read().query_all_raw(Statement::from_string(backend, sql)).await.unwrap() {
            let held: String = row.try_get("", "held").unwrap();
            assert!(!held.contains("quagga"), "{table}: {held}");
        }
    }
    let sql = "SELECT answer FROM idempotency_keys";
    for row in app.db().read().query_all_raw(Statement::from_string(backend, sql)).await.unwrap() {
        let held: Vec<u8> = row.try_get("", "answer").unwrap();
        assert!(!String::from_utf8_lossy(&held).contains("quagga"));
    }
    app.finish().await;
}
