//! Commits that fail: the answer is true, nothing is stored partially, and the repeated request takes effect once.

use std::time::Duration;

use serde_json::{Value, json};
use shared::db::is_postgres;
use testkit::app::{Answer, TestApp};

use crate::{post_of_ann, spawn, user};

/// SQLSTATEs with which a server refuses a commit, with the status and the code of the answer.
const REFUSALS: [(&str, u16, &str); 10] = [
    ("40001", 503, "database_unavailable"),
    ("40P01", 503, "database_unavailable"),
    ("53100", 503, "disk_full"),
    ("53200", 503, "database_unavailable"),
    ("55P03", 503, "database_unavailable"),
    ("57014", 503, "database_unavailable"),
    ("25006", 503, "database_unavailable"),
    ("25P03", 503, "database_unavailable"),
    ("58030", 503, "database_unavailable"),
    ("23514", 500, "internal_error"),
];

/// The body of a trigger that ends the connection while it commits.
const END: &str = "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(5)";

/// The body of a trigger that refuses a commit with this SQLSTATE.
fn refuse(state: &str) -> String {
    format!("RAISE EXCEPTION 'refused on purpose' USING ERRCODE = '{state}'")
}

/// Sends a write of this kind, with this idempotency key unless it is a like. A post has a transaction of its own; the
/// other kinds share transactions.
async fn write(app: &TestApp, kind: &str, post: i64, key: &str) -> Answer {
    let request = match kind {
        "post" => app.post("/posts", json!({ "title": "Hello", "content": key })),
        "comment" => app.post(&format!("/posts/{post}/comments"), json!({ "content": key })),
        "view" => app.post(&format!("/posts/{post}/views"), Value::Null),
        _ => return app.post(&format!("/posts/{post}/likes"), Value::Null).as_user(7, "gil").send().await,
    };
    request.header("idempotency-key", key).as_user(7, "gil").send().await
}

/// The number of writes of this kind that took effect.
async fn count(app: &TestApp, kind: &str, post: i64) -> usize {
    let list = |answer: Answer, name: &str| answer.json[name].as_array().map_or(0, Vec::len);
    match kind {
        "post" => list(app.get("/posts?author=7&limit=100").send().await, "posts"),
        "comment" => list(app.get(&format!("/posts/{post}/comments?limit=100")).send().await, "comments"),
        "view" => app.get(&format!("/posts/{post}")).send().await.json["view_count"].as_u64().unwrap() as usize,
        _ => list(app.get(&format!("/posts/{post}/likes")).send().await, "likes"),
    }
}

async fn know_gil(app: &TestApp) {
    app.deliver("user", &[user(7, 1, "gil", false)]).await;
}

#[tokio::test]
async fn a_refused_commit_stores_nothing_and_is_said() {
    let app = spawn().await;
    if !is_postgres(app.db().read()) {
        return app.finish().await;
    }
    know_gil(&app).await;
    let post = post_of_ann(&app).await;
    for kind in ["post", "comment", "view", "like"] {
        for (state, status, code) in REFUSALS {
            let key = format!("{kind}-{state}");
            let before = count(&app, kind, post).await;
            app.at_commit("outbox", Some(&refuse(state))).await;
            let refused = write(&app, kind, post, &key).await;
            assert_eq!((refused.status, &refused.json["code"]), (status, &json!(code)), "{key}: {}", refused.text);
            assert_eq!(refused.headers.contains_key("retry-after"), status == 503, "{key}");
            app.at_commit("outbox", None).await;
            assert_eq!(count(&app, kind, post).await, before, "{key} has stored something");
            for _ in 0..2 {
                let written = write(&app, kind, post, &key).await;
                assert!(written.status < 300, "{key}: {}", written.text);
            }
            assert_eq!(count(&app, kind, post).await, before + 1, "{key}, then twice with its key");
            if kind == "like" {
                let path = format!("/posts/{post}/likes");
                assert_eq!(app.delete(&path).as_user(7, "gil").send().await.status, 200);
            }
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn a_commit_whose_connection_is_lost_has_an_unknown_outcome() {
    let app = spawn().await;
    if !is_postgres(app.db().read()) {
        return app.finish().await;
    }
    know_gil(&app).await;
    let post = post_of_ann(&app).await;
    for kind in ["post", "comment", "view", "like"] {
        let before = count(&app, kind, post).await;
        app.at_commit("outbox", Some(END)).await;
        let lost = write(&app, kind, post, kind).await;
        assert_eq!((lost.status, &lost.json["code"]), (504, &json!("outcome_unknown")), "{kind}: {}", lost.text);
        app.at_commit("outbox", None).await;
        for _ in 0..2 {
            let written = write(&app, kind, post, kind).await;
            assert!(written.status < 300, "{kind}: {}", written.text);
        }
        assert_eq!(count(&app, kind, post).await, before + 1, "{kind}");
    }
    app.finish().await;
}

#[tokio::test]
async fn what_is_acknowledged_around_a_full_disk_is_there() {
    let app = spawn().await;
    if is_postgres(app.db().read()) {
        return app.finish().await;
    }
    know_gil(&app).await;
    let post = post_of_ann(&app).await;
    for kind in ["post", "comment", "view"] {
        let (mut acknowledged, mut refused) = (count(&app, kind, post).await, 0);
        app.fill_disk().await;
        for n in 0.. {
            let long = format!("{kind} {n} {}", "x".repeat(200));
            let written = write(&app, kind, post, &long.replace(' ', "-")).await;
            match written.status {
                200 | 201 => acknowledged += 1,
                _ => {
                    assert_eq!((written.status, &written.json["code"]), (503, &json!("disk_full")), "{}", written.text);
                    assert!(written.headers.contains_key("retry-after"));
                    assert_eq!(app.get("/posts").send().await.status, 200, "reads go on");
                    refused += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
            // The disk has room again as soon as the connection is opened anew. Then writes succeed again.
            if refused > 0 && written.status < 300 {
                break;
            }
        }
        assert_eq!(count(&app, kind, post).await.min(100), acknowledged.min(100), "{kind}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_copy_waits_for_its_commit_and_a_message_for_its_deletion() {
    let app = spawn().await;
    if !is_postgres(app.db().read()) {
        return app.finish().await;
    }
    for state in ["40001", "53100", "57014", "25006"] {
        for table in ["users", "outbox"] {
            app.at_commit(table, Some(&refuse(state))).await;
            let released = async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                app.at_commit(table, None).await;
            };
            tokio::join!(know_gil(&app), released);
        }
    }
    post_of_ann(&app).await;
    assert!(!app.events().await.is_empty());
    app.finish().await;
}
