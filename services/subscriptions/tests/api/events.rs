//! Events: copies converge even when every event comes twice and out of order.

use serde_json::{Value, json};

use crate::{feed_of, follow, post, spawn_with_people, user};

#[tokio::test]
async fn late_and_repeated_events_change_nothing() {
    let app = spawn_with_people().await;
    follow(&app, 1, 2).await;
    // The tombstone arrives before the post.
    app.deliver("post", &[post(1, 2, 2, true)]).await;
    app.deliver("post", &[post(1, 1, 2, false)]).await;
    assert_eq!(feed_of(&app, 1).await, Vec::<i64>::new());
    // A post before its counters, counters before their post, and both twice.
    for _ in 0..2 {
        app.deliver(
            "post_counts",
            &[json!({ "id": 2, "version": 2, "like_count": 2, "comment_count": 0, "view_count": 0 })],
        )
        .await;
        app.deliver("post", &[post(2, 1, 2, false), post(3, 1, 2, false)]).await;
        app.deliver(
            "post_counts",
            &[json!({ "id": 2, "version": 1, "like_count": 1, "comment_count": 0, "view_count": 0 })],
        )
        .await;
    }
    let feed = app.get("/feed").as_user(1, "ann").send().await.json;
    assert_eq!((&feed["posts"][0]["like_count"], &feed["posts"][1]["like_count"]), (&json!(0), &json!(2)));
    // A post is hidden until the state of its author has arrived.
    follow(&app, 1, 3).await;
    app.deliver("post", &[post(4, 1, 4, false)]).await;
    app.deliver("user", &[user(4, 1, "dora", false)]).await;
    follow(&app, 1, 4).await;
    assert_eq!(feed_of(&app, 1).await, [4, 3, 2]);
    app.finish().await;
}

#[tokio::test]
async fn an_erased_person_is_gone_with_everything() {
    let app = spawn_with_people().await;
    follow(&app, 1, 2).await;
    app.deliver("post", &[post(1, 1, 2, false)]).await;
    let mut gone = user(2, 9, "bob", false);
    gone["deleted"] = json!(true);
    for field in ["username", "first_name", "last_name", "bio", "created_at", "role"] {
        gone[field] = Value::Null;
    }
    app.deliver("user", &[gone]).await;
    app.deliver("user", &[user(2, 8, "bob", false)]).await;
    assert_eq!(feed_of(&app, 1).await, Vec::<i64>::new());
    assert_eq!(app.get("/users/1/following").send().await.json["total"], 0);
    app.get("/feed").as_user(2, "bob").send().await.is_problem(403, "Account blocked");
    app.finish().await;
}
