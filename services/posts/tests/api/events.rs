//! Events: the states that this service publishes, and the effect of other services' states, also when these come
//! twice or out of order.

use serde_json::{Value, json};

use crate::{post_of_ann, spawn, user};

#[tokio::test]
async fn each_change_publishes_the_whole_state_and_no_change_publishes_nothing() {
    let app = spawn().await;
    let id = post_of_ann(&app).await;
    let at = "2026-03-01T12:00:00.000000Z";
    let counts = |version: i64, likes: i64, comments: i64, views: i64| json!({ "id": id, "version": version, "like_count": likes, "comment_count": comments, "view_count": views });
    let post = json!({
        "id": id, "version": 1, "deleted": false, "author_id": 1, "title": "Hello", "content": "World", "image_url": null, "images": null,
        "created_at": at, "updated_at": at
    });
    assert_eq!(app.events().await, [("post".to_owned(), post), ("post_counts".to_owned(), counts(1, 0, 0, 0))]);

    for _ in 0..2 {
        app.post(&format!("/posts/{id}/likes"), Value::Null).as_user(2, "bob").send().await;
    }
    let like =
        json!({ "user_id": 2, "post_id": id, "version": 1, "deleted": false, "post_author_id": 1, "created_at": at });
    assert_eq!(app.events().await, [("like".to_owned(), like), ("post_counts".to_owned(), counts(2, 1, 0, 0))]);
    app.delete(&format!("/posts/{id}/likes")).as_user(2, "bob").send().await;
    app.post(&format!("/posts/{id}/likes"), Value::Null).as_user(2, "bob").send().await;
    let likes: Vec<Value> =
        app.events().await.into_iter().filter(|(stream, _)| stream == "like").map(|(_, state)| state).collect();
    assert_eq!(
        likes.iter().map(|like| (&like["version"], &like["deleted"])).collect::<Vec<_>>(),
        [(&json!(2), &json!(true)), (&json!(3), &json!(false))]
    );

    app.post(&format!("/posts/{id}/comments"), json!({ "content": "so true" })).as_user(2, "bob").send().await;
    let comment = json!({
        "id": 1, "version": 1, "deleted": false, "post_id": id, "post_author_id": 1, "author_id": 2, "reply_to": null, "answered": null, "content": "so true", "created_at": at, "updated_at": at
    });
    assert_eq!(app.events().await, [("comment".to_owned(), comment), ("post_counts".to_owned(), counts(5, 1, 1, 0))]);

    app.delete(&format!("/posts/{id}")).as_user(1, "ann").send().await;
    let tombstone = json!({
        "id": id, "version": 2, "deleted": true, "removed": false, "author_id": null, "title": null, "content": null, "image_url": null, "images": null,
        "created_at": null, "updated_at": null
    });
    assert_eq!(app.events().await, [("post".to_owned(), tombstone)]);
    app.finish().await;
}

#[tokio::test]
async fn decisions_apply_once_and_in_their_order_whatever_order_they_come_in() {
    let app = spawn().await;
    let id = post_of_ann(&app).await;
    app.post(&format!("/posts/{id}/comments"), json!({ "content": "x" })).as_user(2, "bob").send().await;
    app.events().await;
    let path = format!("/posts/{id}");
    let decision = |version: i64, removed: bool| json!({ "id": id, "version": version, "removed": removed });
    app.deliver("moderation.post", &[decision(2, true)]).await;
    app.get(&path).send().await.is_problem(404, "Post not found");
    // Admins judge the content; only what its author deletes has none.
    let (_, removed) = app.events().await.pop().unwrap();
    assert_eq!(
        (&removed["deleted"], &removed["removed"], &removed["title"]),
        (&json!(true), &json!(true), &json!("Hello"))
    );
    // Stale and repeated decisions change nothing.
    app.deliver("moderation.post", &[decision(1, false)]).await;
    app.deliver("moderation.post", &[decision(2, true)]).await;
    app.get(&path).send().await.is_problem(404, "Post not found");
    app.deliver("moderation.post", &[decision(3, false)]).await;
    let restored = app.get(&path).send().await;
    assert_eq!((restored.status, &restored.json["title"]), (200, &json!("Hello")));

    let about = |version: i64, removed: bool| json!({ "id": 1, "version": version, "removed": removed });
    let count = async || app.get(&path).send().await.json["comment_count"].as_i64();
    for _ in 0..2 {
        app.deliver("moderation.comment", &[about(1, true)]).await;
        assert_eq!(count().await, Some(0));
    }
    app.deliver("moderation.comment", &[about(3, true), about(2, false)]).await;
    assert_eq!(count().await, Some(0));
    app.deliver("moderation.comment", &[about(4, false)]).await;
    assert_eq!(count().await, Some(1));
    // A decision about a post that does not exist is no error.
    app.deliver("moderation.post", &[json!({ "id": 999, "version": 1, "removed": true })]).await;
    app.finish().await;
}

#[tokio::test]
async fn user_states_merge_by_version_and_poison_is_parked() {
    let app = spawn().await;
    post_of_ann(&app).await;
    app.events().await;
    let name = async || app.get("/posts").send().await.json["posts"][0]["author"]["username"].clone();
    app.deliver("user", &[user(1, 5, "anna", false), user(1, 4, "older", false)]).await;
    app.deliver("user", &[user(1, 3, "oldest", false)]).await;
    app.deliver("user", &[user(1, 5, "twice", false)]).await;
    assert_eq!(name().await, "anna");
    // The good states beside a bad one are applied, and the whole message is parked as a dead letter.
    let bad =
        [json!({ "id": "one", "version": 1 }), json!({ "id": 3, "version": i64::MAX }), user(1, 6, "good", false)];
    app.deliver_bad("user", &bad).await;
    app.deliver_raw("user", "not json", b"\xff{".to_vec()).await;
    assert_eq!(name().await, "good");
    let letters = shared::events::dead_letters::list(app.db(), "posts.user.v1").await.unwrap();
    assert_eq!(letters.len(), 2, "{letters:?}");
    assert!(letters[1].reason.contains("not a message"), "{letters:?}");
    app.finish().await;
}

#[tokio::test]
async fn posts_of_an_author_without_a_name_are_not_shown() {
    let app = spawn().await;
    let id = post_of_ann(&app).await;
    let mut nameless = user(1, 5, "", false);
    nameless["username"] = Value::Null;
    app.deliver_bad("user", &[nameless]).await;
    app.get(&format!("/posts/{id}")).send().await.is_problem(404, "Post not found");
    assert_eq!(app.get("/posts").send().await.json["posts"], json!([]));
    app.finish().await;
}
