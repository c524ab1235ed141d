//! Comments: creating, listing, changing and deleting them.

use serde_json::json;

use crate::{post_of_ann, spawn};

#[tokio::test]
async fn comments_are_written_changed_listed_and_deleted() {
    let app = spawn().await;
    let id = post_of_ann(&app).await;
    let path = format!("/posts/{id}/comments");
    let answer = app.post(&path, json!({ "content": "so true" })).as_user(2, "bob").send().await;
    assert_eq!((answer.status, &answer.headers["location"]), (201, &format!("{path}/1").parse().unwrap()));
    assert_eq!(
        answer.json,
        json!({ "message": "Comment added", "comment": {
            "id": 1, "post_id": id, "reply_to": null, "depth": 1, "content": "so true", "entities": [], "author": { "id": 2, "username": "bob", "avatar_url": "/users/2/avatar" },
            "created_at": "2026-03-01T12:00:00.000000Z", "updated_at": "2026-03-01T12:00:00.000000Z"
        } })
    );
    app.post(&path, json!({ "content": "second" })).as_user(1, "ann").send().await;
    let first = app.get(&format!("{path}?limit=1")).send().await;
    assert_eq!(first.json["comments"][0]["id"], 1, "oldest first");
    let next = first.json["next"].as_str().unwrap();
    assert_eq!(app.get(&format!("{path}?cursor={next}")).send().await.json["comments"][0]["id"], 2);
    assert_eq!(app.get(&format!("/posts/{id}")).send().await.json["comment_count"], 2);

    let one = format!("{path}/1");
    app.patch(&one, json!({ "content": "no" }))
        .as_user(1, "ann")
        .send()
        .await
        .is_problem(403, "Only the author may do this");
    let answer = app.patch(&one, json!({ "content": "changed" })).as_user(2, "bob").send().await;
    assert_eq!((answer.status, &answer.json["message"]), (200, &json!("Comment updated")));
    app.delete(&one).as_user(1, "ann").send().await.is_problem(403, "Only the author may do this");
    let answer = app.delete(&one).as_user(2, "bob").send().await;
    assert_eq!((answer.status, answer.json), (200, json!({ "message": "Comment deleted" })));
    app.delete(&one).as_user(2, "bob").send().await.is_problem(404, "Comment not found");
    assert_eq!(app.get(&format!("/posts/{id}")).send().await.json["comment_count"], 1);
    // A comment is found only under its own post.
    let other = post_of_ann(&app).await;
    app.delete(&format!("/posts/{other}/comments/2"))
        .as_user(1, "ann")
        .send()
        .await
        .is_problem(404, "Comment not found");
    app.finish().await;
}
