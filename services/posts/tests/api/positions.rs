//! Positions: an answer tells what was written, and a request waits for what was written elsewhere.

use axum::http::HeaderMap;
use sea_orm::ConnectionTrait;
use serde_json::json;

use crate::{post_of_ann, spawn};

fn position(headers: &HeaderMap) -> Option<&str> {
    headers.get("chatty-position").map(|list| list.to_str().unwrap())
}

#[tokio::test]
async fn the_answer_to_a_write_tells_what_it_has_published() {
    let app = spawn().await;
    let body = json!({ "title": "Hello", "content": "World" });
    let created = app.post("/posts", body.clone()).as_user(1, "ann").send().await;
    assert_eq!(position(&created.headers), Some("post/1@1, post_counts/1@1"));
    let changed = app.patch("/posts/1", json!({ "title": "Changed" })).as_user(1, "ann").send().await;
    assert_eq!(position(&changed.headers), Some("post/1@2"));
    // Writes that share a transaction tell their own states only.
    let like = app.post("/posts/1/likes", json!(null)).as_user(2, "bob").send().await;
    assert_eq!(position(&like.headers), Some("like/2/1@1, post_counts/1@2"));
    let again = app.post("/posts/1/likes", json!(null)).as_user(2, "bob").send().await;
    assert_eq!(position(&again.headers), None, "nothing was written");
    let comment = app.post("/posts/1/comments", json!({ "content": "x" })).as_user(2, "bob").send().await;
    assert_eq!(position(&comment.headers), Some("comment/1@1, post_counts/1@3"));
    let unlike = app.delete("/posts/1/likes").as_user(2, "bob").send().await;
    assert_eq!(position(&unlike.headers), Some("like/2/1@2, post_counts/1@4"));
    // A refusal tells nothing, nor does a read.
    let refused = app.delete("/posts/1").as_user(2, "bob").send().await;
    assert_eq!((refused.status, position(&refused.headers)), (403, None));
    assert_eq!(position(&app.get("/likes?post_id=1").as_user(2, "bob").send().await.headers), None);
    app.events().await;
    app.finish().await;
}

#[tokio::test]
async fn a_request_waits_until_the_copy_has_reached_a_position() {
    let app = spawn().await;
    let post = format!("/posts/{}", post_of_ann(&app).await);
    let read = |position: &str| app.get(&post).as_user(2, "bob").header("chatty-position", position);
    let block = |version: i64| json!({ "user_id": 2, "blocked_id": 1, "version": version, "deleted": version == 2 });
    for (version, status) in [(1, 404), (2, 200), (3, 404)] {
        let position = format!("other/9@1, personal_block/2/1@{version}");
        let deliver = async { app.deliver("personal_block", &[block(version)]).await };
        let (answer, ()) = tokio::join!(read(&position).send(), deliver);
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    // The version that is there suffices, and so does a newer one. A version that never comes only costs time, and so
    // does a key that no row can have.
    for known in ["personal_block/2/1@3", "personal_block/2/1@2", "personal_block/2/1@4", "personal_block/2@1"] {
        assert_eq!(read(known).send().await.status, 404);
    }
    app.events().await;
    app.finish().await;
}

#[tokio::test]
async fn a_memory_has_what_another_replica_has_applied() {
    let app = spawn().await;
    let post = format!("/posts/{}", post_of_ann(&app).await);
    let sql = "INSERT INTO personal_blocks (user_id, blocked_id, version, deleted) VALUES (2, 1, 1, FALSE)";
    let tx = app.db().begin().await.unwrap();
    tx.execute_unprepared(sql).await.unwrap();
    tx.commit().await.unwrap();
    let read = || app.get(&post).as_user(2, "bob");
    assert_eq!(read().send().await.status, 200, "this replica has not heard of it");
    assert_eq!(read().header("chatty-position", "personal_block/2/1@1").send().await.status, 404);
    assert_eq!(read().send().await.status, 404);
    app.events().await;
    app.finish().await;
}

#[tokio::test]
async fn what_is_no_list_of_positions_is_refused() {
    let app = spawn().await;
    let many = vec!["post/1@1"; 101].join(",");
    for bad in ["", "x", "post/1", "post/1@-1", "post/1@1,", "post/1@1;post/2@1", many.as_str()] {
        for path in ["/posts", "/bookmarks"] {
            let answer = app.get(path).as_user(1, "ann").header("chatty-position", bad).send().await;
            assert_eq!((answer.status, &answer.json["code"]), (400, &json!("bad_position")), "{bad}");
        }
        // Nobody waits without a token, so nothing is read.
        assert_eq!(app.get("/posts").header("chatty-position", bad).send().await.status, 200);
    }
    app.finish().await;
}
