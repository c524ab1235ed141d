//! Blocks between people: neither finds what the other has written, whatever the order of the events.

use axum::http::Method;
use serde_json::{Value, json};

use crate::{post_of_ann, spawn, user};

fn block(person: i64, blocked: i64, version: i64, deleted: bool) -> Value {
    json!({ "user_id": person, "blocked_id": blocked, "version": version, "deleted": deleted })
}

#[tokio::test]
async fn neither_finds_anything_of_the_other() {
    for (blocker, blocked) in [(1, 2), (2, 1)] {
        let app = spawn().await;
        app.deliver("user", &[user(1, 1, "ann", false), user(2, 1, "bob", false), user(3, 1, "cid", false)]).await;
        let post = post_of_ann(&app).await;
        let (path, comments, likes) =
            (format!("/posts/{post}"), format!("/posts/{post}/comments"), format!("/posts/{post}/likes"));
        let bookmark = format!("{path}/bookmark");
        app.call(Method::PUT, &bookmark, None).as_user(2, "bob").send().await;
        app.post(&likes, Value::Null).as_user(2, "bob").send().await;
        let written = app.post(&comments, json!({ "content": "x" })).as_user(2, "bob").send().await.json;
        let comment = written["comment"]["id"].clone();
        let etag = app.get(&path).send().await.headers["etag"].to_str().unwrap().to_owned();
        // The end of the block comes before it, and each twice.
        for state in
            [block(blocker, blocked, 1, false), block(blocker, blocked, 3, false), block(blocker, blocked, 2, true)]
        {
            app.deliver("personal_block", std::slice::from_ref(&state)).await;
            app.deliver("personal_block", &[state]).await;
        }
        for call in [
            app.get(&path).as_user(2, "bob"),
            app.get(&path).as_user(2, "bob").header("if-none-match", &etag),
            app.get(&comments).as_user(2, "bob"),
            app.get(&likes).as_user(2, "bob"),
            app.post(&comments, json!({ "content": "y" })).as_user(2, "bob"),
            app.post(&likes, Value::Null).as_user(2, "bob"),
            app.call(Method::PUT, &bookmark, None).as_user(2, "bob"),
        ] {
            let answer = call.send().await;
            assert_eq!((answer.status, &answer.json["detail"]), (404, &json!("Post not found")), "{}", answer.text);
        }
        for list in ["/posts", "/posts?author=1", "/posts?search=hello", "/bookmarks"] {
            let answer = app.get(list).as_user(2, "bob").send().await;
            assert_eq!(answer.json["posts"], json!([]), "{list}");
        }
        let own = app.get("/likes/mine").as_user(2, "bob").send().await.json;
        assert_eq!(own["likes"][0]["post"], Value::Null);
        // Ann finds neither the comment nor the like of bob, and cannot answer him. The counters stay.
        let seen = app.get(&comments).as_user(1, "ann").send().await.json;
        assert_eq!((&seen["comments"][0]["content"], &seen["comments"][0]["author"]), (&Value::Null, &Value::Null));
        assert_eq!(app.get(&likes).as_user(1, "ann").send().await.json["likes"], json!([]));
        let answer = json!({ "content": "z", "reply_to": comment });
        let refused = app.post(&comments, answer).as_user(1, "ann").send().await;
        let missing = json!({ "content": "z", "reply_to": 99 });
        let missing = app.post(&comments, missing).as_user(1, "ann").send().await;
        assert_eq!((refused.status, &refused.json["errors"]), (422, &missing.json["errors"]));
        let counted = app.get(&path).as_user(1, "ann").send().await;
        assert_eq!((&counted.json["like_count"], &counted.json["comment_count"]), (&json!(1), &json!(1)));
        assert_eq!(counted.headers["cache-control"], "no-store");
        // Everybody else reads as before.
        for other in
            [app.get(&path), app.get(&path).as_user(3, "cid"), app.get(&path).header("authorization", "Bearer x")]
        {
            assert_eq!(other.send().await.status, 200);
        }
        assert!(!app.get(&path).send().await.headers.contains_key("cache-control"));
        app.deliver("personal_block", &[block(blocker, blocked, 4, true)]).await;
        assert_eq!(app.get(&path).as_user(2, "bob").send().await.status, 200);
        app.finish().await;
    }
}
