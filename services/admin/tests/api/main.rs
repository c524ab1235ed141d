//! Tests of the API of admin. Each test runs the real router on a database of its own.

#![expect(clippy::indexing_slicing, reason = "the exception for tests does not reach their helper functions")]

mod erasure;
mod program;
mod reports;
mod rights;

use axum::http::Method;
use serde_json::{Value, json};
use testkit::app::TestApp;

async fn spawn() -> TestApp {
    TestApp::spawn(admin::NAME, async |deps| admin::build(deps)).await
}

/// A user's state as auth publishes it.
fn user(id: i64, version: i64, verified: bool, blocked: bool) -> Value {
    json!({
        "id": id, "version": version, "deleted": false, "username": format!("user{id}"), "first_name": null, "last_name": null,
        "bio": null, "created_at": if id == 1 { "2026-01-01T00:00:00.000000Z" } else { "2026-03-01T11:00:00.000000Z" },
        "verified": verified, "blocked": blocked, "role": "user", "session_version": i64::from(blocked)
    })
}

/// A post's state as posts publishes it.
fn post(id: i64, version: i64, deleted: bool) -> Value {
    let kept = |value: Value| if deleted { Value::Null } else { value };
    let at = kept(json!("2026-03-01T11:00:00.000000Z"));
    json!({
        "id": id, "version": version, "deleted": deleted, "author_id": kept(json!(1)), "title": kept(json!("x")),
        "content": kept(json!("x")), "image_url": null, "images": null, "created_at": at, "updated_at": at
    })
}

/// A comment's state as posts publishes it.
fn comment(id: i64, version: i64, deleted: bool) -> Value {
    let kept = |value: Value| if deleted { Value::Null } else { value };
    let at = kept(json!("2026-03-01T11:00:00.000000Z"));
    json!({
        "id": id, "version": version, "deleted": deleted, "post_id": kept(json!(1)),
        "post_author_id": kept(json!(1)), "author_id": kept(json!(1)), "reply_to": null, "answered": null,
        "content": kept(json!("x")), "created_at": at, "updated_at": at
    })
}

fn counts(id: i64, version: i64, likes: i64, comments: i64) -> Value {
    json!({ "id": id, "version": version, "like_count": likes, "comment_count": comments, "view_count": 0 })
}

/// Sets `removed` of a tombstone: true if an admin removed the post or comment, false if its author deleted it.
fn with_removed(mut state: Value, removed: bool) -> Value {
    state["removed"] = json!(removed);
    state
}

#[tokio::test]
async fn small_writes_are_repeated_without_effect() {
    let app = spawn().await;
    app.deliver("user", &[user(7, 1, true, false)]).await;
    let block = async |reason: &str| {
        let call = app.post("/admin/users/7/block", json!({ "reason": reason })).header("idempotency-key", "k");
        call.as_admin().send().await
    };
    let first = block("spam").await;
    assert_eq!(app.post("/admin/users/7/unblock", Value::Null).as_admin().send().await.status, 200);
    let again = block("spam").await;
    assert_eq!(
        (again.status, &again.json, &again.headers["idempotency-replayed"]),
        (first.status, &first.json, &"true".parse().unwrap())
    );
    assert_eq!(app.events().await.len(), 2, "the block and its end");
    assert_eq!(app.get("/admin/audit").as_admin().send().await.json["entries"].as_array().unwrap().len(), 2);
    block("other").await.is_problem(422, "This Idempotency-Key belongs to a request with another body");
    app.finish().await;
}

#[tokio::test]
async fn a_block_is_decided_published_once_and_logged() {
    let app = spawn().await;
    app.deliver("user", &[user(7, 1, true, false)]).await;
    for _ in 0..2 {
        let answer = app.post("/admin/users/7/block", json!({ "reason": "spam" })).as_admin().send().await;
        assert_eq!((answer.status, answer.json), (200, json!({ "message": "User 7 blocked" })));
    }
    let decision = |version: i64, blocked: bool| {
        (
            "moderation.user".to_owned(),
            json!({ "id": 7, "version": version, "blocked": blocked, "blocked_until": null, "warnings": [] }),
        )
    };
    assert_eq!(app.events().await, [decision(1, true)]);
    let listed = app.get("/admin/users").as_admin().send().await.json;
    assert_eq!((&listed["users"][0]["status"], &listed["users"][0]["pending"]), (&json!("active"), &json!(true)));
    app.deliver("user", &[user(7, 2, true, true)]).await;
    let listed = app.get("/admin/users").as_admin().send().await.json;
    assert_eq!((&listed["users"][0]["status"], &listed["users"][0]["pending"]), (&json!("blocked"), &json!(false)));
    let answer = app.post("/admin/users/7/unblock", Value::Null).as_admin().send().await;
    assert_eq!((answer.status, answer.json), (200, json!({ "message": "User 7 unblocked" })));
    assert_eq!(
        app.post("/admin/users/7/block", Value::Null).as_admin().send().await.status,
        200,
        "a reason is not required"
    );
    assert_eq!(app.events().await, [decision(2, false), decision(3, true)]);

    app.post("/admin/users/99/block", Value::Null).as_admin().send().await.is_problem(404, "User not found");
    app.post("/admin/users/1000000/block", Value::Null).as_admin().send().await.is_problem(422, "");
    let log = app.get("/admin/audit?limit=2").as_admin().send().await.json;
    assert_eq!(
        (&log["entries"][0]["action"], &log["entries"][0]["target_id"], &log["entries"][0]["result"]),
        (&json!("block"), &json!(99), &json!("not_found"))
    );
    assert!(log["next"].is_string());
    app.finish().await;
}

#[tokio::test]
async fn posts_and_comments_are_removed_and_restored_but_not_after_their_author_deleted_them() {
    let app = spawn().await;
    app.deliver("post", &[post(1, 1, false), post(2, 2, true)]).await;
    app.deliver("comment", &[comment(5, 1, false)]).await;
    app.post("/admin/posts/1/restore", Value::Null).as_admin().send().await.is_problem(404, "Post not found");
    let answer = app.delete("/admin/posts/1").as_admin().send().await;
    assert_eq!((answer.status, answer.json), (200, json!({ "message": "Post 1 deleted" })));
    app.deliver("post", &[post(1, 2, true)]).await;
    let answer = app.post("/admin/posts/1/restore", Value::Null).as_admin().send().await;
    assert_eq!((answer.status, answer.json), (200, json!({ "message": "Post 1 restored" })));
    for call in
        [app.delete("/admin/posts/2"), app.post("/admin/posts/2/restore", Value::Null), app.delete("/admin/posts/99")]
    {
        call.as_admin().send().await.is_problem(404, "Post not found");
    }
    let answer = app.delete("/admin/comments/5").as_admin().send().await;
    assert_eq!((answer.status, answer.json), (200, json!({ "message": "Comment 5 deleted" })));
    let answer = app.post("/admin/comments/5/restore", Value::Null).as_admin().send().await;
    assert_eq!((answer.status, answer.json), (200, json!({ "message": "Comment 5 restored" })));
    app.delete("/admin/comments/6").as_admin().send().await.is_problem(404, "Comment not found");
    let streams: Vec<(String, Value)> =
        app.events().await.into_iter().map(|(stream, state)| (stream, state["removed"].clone())).collect();
    let expected = [
        ("moderation.post", true),
        ("moderation.post", false),
        ("moderation.comment", true),
        ("moderation.comment", false),
    ];
    assert_eq!(streams, expected.map(|(stream, removed)| (stream.to_owned(), json!(removed))));
    app.finish().await;
}

#[tokio::test]
async fn statistics_are_exact_whatever_order_the_events_come_in() {
    let app = spawn().await;
    for _ in 0..2 {
        app.deliver("user", &[user(3, 2, true, true), user(1, 1, true, false), user(2, 1, false, false)]).await;
        app.deliver("user", &[user(3, 1, true, false)]).await;
        app.deliver("post_counts", &[counts(1, 2, 5, 2), counts(2, 1, 9, 4), counts(3, 1, 1, 1)]).await;
        app.deliver("post", &[post(2, 2, true), post(1, 1, false), post(3, 1, false)]).await;
        app.deliver("post", &[post(2, 1, false)]).await;
        app.deliver("post_counts", &[counts(1, 1, 4, 3)]).await;
        app.deliver("comment", &[comment(1, 2, true), comment(2, 1, false)]).await;
        app.deliver("comment", &[comment(1, 1, false)]).await;
    }
    let answer = app.get("/admin/stats").as_admin().send().await.json;
    let stats = json!({
        "total_users": 3, "active_users": 1, "total_posts": 2, "total_comments": 3, "total_likes": 6, "blocked_users": 1,
        "posts_last_24h": 2, "users_last_24h": 2
    });
    assert_eq!(answer, json!({ "message": "Activity stats", "stats": stats }));
    app.finish().await;
}

#[tokio::test]
async fn what_is_on_a_post_leaves_the_totals_with_it_and_comes_back_with_it() {
    let app = spawn().await;
    app.deliver("user", &[user(1, 1, true, false), user(2, 1, true, false)]).await;
    app.deliver("post", &[post(1, 1, false), post(2, 1, false)]).await;
    app.deliver("comment", &[comment(1, 1, false), comment(2, 1, false), comment(3, 1, false)]).await;
    app.deliver("post_counts", &[counts(1, 5, 2, 3), counts(2, 2, 1, 0)]).await;
    let totals = async || {
        let stats = app.get("/admin/stats").as_admin().send().await.json["stats"].clone();
        ["total_posts", "total_comments", "total_likes"].map(|total| stats[total].as_i64().unwrap())
    };
    assert_eq!(totals().await, [2, 3, 3]);
    app.deliver("post", &[with_removed(post(1, 2, true), true)]).await;
    assert_eq!(totals().await, [1, 0, 1], "removed");
    app.deliver("post", &[post(1, 3, false)]).await;
    assert_eq!(totals().await, [2, 3, 3], "restored");
    // The service posts counts again when somebody is blocked, so the totals follow its lists.
    app.deliver("user", &[user(2, 2, true, true)]).await;
    app.deliver("post_counts", &[counts(1, 6, 1, 1)]).await;
    assert_eq!(totals().await, [2, 1, 2], "blocked");
    app.deliver("post_counts", &[counts(1, 7, 2, 3)]).await;
    assert_eq!(totals().await, [2, 3, 3], "let in again");
    app.deliver("post", &[with_removed(post(1, 4, true), false)]).await;
    assert_eq!(totals().await, [1, 0, 1], "deleted");
    app.finish().await;
}

#[tokio::test]
async fn what_its_author_deleted_after_a_removal_cannot_be_restored() {
    let app = spawn().await;
    app.deliver("post", &[post(1, 1, false)]).await;
    app.deliver("comment", &[comment(5, 1, false)]).await;
    for path in ["/admin/posts/1", "/admin/comments/5"] {
        assert_eq!(app.delete(path).as_admin().send().await.status, 200);
    }
    app.deliver("post", &[with_removed(post(1, 2, true), true)]).await;
    app.deliver("comment", &[with_removed(comment(5, 2, true), true)]).await;
    app.deliver("post", &[with_removed(post(1, 3, true), false)]).await;
    app.deliver("comment", &[with_removed(comment(5, 3, true), false)]).await;
    app.post("/admin/posts/1/restore", Value::Null).as_admin().send().await.is_problem(404, "Post not found");
    app.post("/admin/comments/5/restore", Value::Null).as_admin().send().await.is_problem(404, "Comment not found");
    app.delete("/admin/posts/1").as_admin().send().await.is_problem(404, "Post not found");
    app.finish().await;
}

#[tokio::test]
async fn nobody_but_admins_gets_in_and_nonsense_is_refused() {
    let app = spawn().await;
    let all = || {
        [
            app.post("/admin/users/1/block", Value::Null),
            app.post("/admin/users/1/unblock", Value::Null),
            app.delete("/admin/posts/1"),
            app.post("/admin/posts/1/restore", Value::Null),
            app.delete("/admin/comments/1"),
            app.post("/admin/comments/1/restore", Value::Null),
            app.get("/admin/stats"),
            app.get("/admin/users"),
            app.get("/admin/audit"),
            app.get("/admin/users/1"),
            app.get("/admin/posts"),
            app.get("/admin/posts/1"),
            app.get("/admin/comments"),
            app.get("/admin/comments/1"),
            app.get("/admin/reports"),
            app.get("/admin/reports/1"),
            app.post("/admin/reports/1/resolve", json!({ "action": "dismiss" })),
            app.post("/admin/reports/1/reopen", Value::Null),
            app.post("/admin/reports/resolve", json!({ "cases": [{ "id": 1 }], "action": "dismiss" })),
            app.post("/admin/reports/reopen", json!({ "cases": [{ "id": 1 }] })),
        ]
    };
    for call in all() {
        call.send().await.is_problem(401, "An access token is required");
    }
    for call in all() {
        call.as_user(5, "eve").send().await.is_problem(403, "Administrators only");
    }
    for id in ["0", "-1", "9223372036854775808"] {
        app.post(&format!("/admin/users/{id}/block"), Value::Null)
            .as_admin()
            .send()
            .await
            .is_problem(404, "User not found");
        app.delete(&format!("/admin/posts/{id}")).as_admin().send().await.is_problem(404, "Post not found");
    }
    app.delete("/admin/posts/x").as_admin().send().await.is_problem(400, "");
    for (body, status) in [
        (json!({ "reason": 1 }), 422),
        (json!({ "why": "x" }), 422),
        (json!({ "reason": "x".repeat(501) }), 422),
        (json!({ "reason": "\u{7}" }), 422),
    ] {
        app.post("/admin/users/1/block", body).as_admin().send().await.is_problem(status, "");
    }
    app.post("/admin/users/1/block", Value::Null)
        .as_admin()
        .body("application/json", "{")
        .send()
        .await
        .is_problem(400, "");
    app.post("/admin/users/1/block", Value::Null).as_admin().body("text/plain", "x").send().await.is_problem(415, "");
    for path in ["/admin/users?limit=x", "/admin/audit?cursor=x"] {
        app.get(path).as_admin().send().await.is_problem(400, "");
    }
    app.get("/admin/audit?limit=0").as_admin().send().await.is_problem(422, "");
    app.finish().await;
}

/// A reason is text of several lines, and must have visible characters.
#[tokio::test]
async fn the_line_ends_of_a_reason_become_lf_and_a_blank_one_is_refused() {
    let app = spawn().await;
    app.deliver("user", &[user(7, 1, true, false)]).await;
    let block = async |reason: &str| {
        app.post("/admin/users/7/block", json!({ "reason": reason })).as_admin().send().await.status
    };
    for reason in [" \r\n", "\u{3164}", "\u{200b}", "\u{2800}", "\u{e0020}"] {
        assert_eq!(block(reason).await, 422, "{reason:?}");
    }
    assert_eq!(block("spam\r\nand\rmore").await, 200);
    let log = app.get("/admin/audit").as_admin().send().await.json;
    assert_eq!(log["entries"][0]["reason"], "spam\nand\nmore");
    assert_eq!(block(&"\r\n".repeat(500).replacen("\r\n", "x", 1)).await, 200);
    app.finish().await;
}

/// Every kind of decision accepts a reason and keeps it, and none requires one.
#[tokio::test]
async fn the_reason_of_every_decision_is_kept() {
    let app = spawn().await;
    app.deliver("user", &[user(1, 1, true, false)]).await;
    app.deliver("post", &[post(1, 1, false)]).await;
    app.deliver("comment", &[comment(1, 1, false)]).await;
    for (method, path) in [
        (Method::POST, "/admin/users/1/block"),
        (Method::POST, "/admin/users/1/unblock"),
        (Method::DELETE, "/admin/posts/1"),
        (Method::POST, "/admin/posts/1/restore"),
        (Method::DELETE, "/admin/comments/1"),
        (Method::POST, "/admin/comments/1/restore"),
    ] {
        let call = |body: Value| app.call(method.clone(), path, Some(body)).as_admin();
        let reason = format!("because of {path}");
        assert_eq!(call(json!({ "reason": reason })).send().await.status, 200, "{path}");
        let log = app.get("/admin/audit?limit=1").as_admin().send().await.json;
        assert_eq!(log["entries"][0]["reason"], json!(reason), "{path}");
        call(json!({ "reason": "x".repeat(501) })).send().await.is_problem(422, "");
        call(json!({ "raison": "x" })).send().await.is_problem(422, "");
        let empty = app.call(method.clone(), path, None).as_admin().body("application/json", "").send().await;
        assert!(matches!(empty.status, 200 | 404), "{path} with nothing in its body: {}", empty.text);
    }
    app.finish().await;
}
