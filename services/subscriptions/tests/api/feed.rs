//! The feed: its order, its visibility, and its pages from memory and from the database.

use serde_json::{Value, json};

use shared::config::Env;

use crate::{feed_of, follow, post, spawn_with, spawn_with_people, user, with_people};

#[tokio::test]
async fn a_feed_has_the_posts_of_the_followed_from_new_to_old() {
    let app = spawn_with_people().await;
    let empty = app.get("/feed").as_user(1, "ann").send().await.json;
    assert_eq!(empty, json!({ "message": "No subscriptions yet", "posts": [], "next": null }));
    follow(&app, 1, 2).await;
    let mut posts: Vec<Value> = (1..=7).map(|id| post(id, 1, 1 + id % 3, false)).collect();
    let path = "/media/6bf46c697d2caf82eeeacbe226e87555.png";
    let images = json!([{
        "id": "6bf46c697d2caf82eeeacbe226e87555", "url": path, "width": 3, "height": 2, "alt": null, "sizes": []
    }]);
    (posts[3]["images"], posts[3]["image_url"]) = (images.clone(), json!(path));
    app.deliver("post", &posts).await;
    app.deliver(
        "post_counts",
        &[json!({ "id": 4, "version": 1, "like_count": 3, "comment_count": 2, "view_count": 1 })],
    )
    .await;
    // Bob (2) wrote 1, 4 and 7; cleo and ann herself wrote the others.
    let first = app.get("/feed?limit=2").as_user(1, "ann").send().await;
    assert_eq!(first.json["message"], "Your feed");
    let at = "2026-02-01T00:00:00.000000Z";
    let shown = json!({
        "id": 4, "title": "Post 4", "content": "Text", "entities": [], "image_url": path, "images": images,
        "author": { "id": 2, "username": "bob", "avatar_url": "/users/2/avatar" },
        "like_count": 3, "comment_count": 2, "view_count": 1, "created_at": at, "updated_at": at
    });
    assert_eq!((&first.json["posts"][0]["id"], &first.json["posts"][1]), (&json!(7), &shown));
    let next = first.json["next"].as_str().unwrap();
    assert!(first.headers["link"].to_str().unwrap().contains(next));
    let rest = app.get(&format!("/feed?limit=2&cursor={next}")).as_user(1, "ann").send().await.json;
    assert_eq!(
        (rest["posts"].as_array().unwrap().len(), &rest["posts"][0]["id"], &rest["next"]),
        (1, &json!(1), &Value::Null)
    );
    app.finish().await;
}

#[tokio::test]
async fn unfollow_delete_and_block_are_seen_at_once_and_a_restore_is_exact() {
    let app = spawn_with_people().await;
    follow(&app, 1, 2).await;
    follow(&app, 1, 3).await;
    app.deliver("post", &[post(1, 1, 2, false), post(2, 1, 3, false), post(3, 1, 2, false)]).await;
    assert_eq!(feed_of(&app, 1).await, [3, 2, 1]);
    app.deliver("post", &[post(3, 2, 2, true)]).await;
    assert_eq!(feed_of(&app, 1).await, [2, 1]);
    app.deliver("user", &[user(3, 2, "cleo", true)]).await;
    assert_eq!(feed_of(&app, 1).await, [1]);
    app.delete("/unsubscribe/2").as_user(1, "ann").send().await;
    assert_eq!(feed_of(&app, 1).await, Vec::<i64>::new());
    app.deliver("user", &[user(3, 3, "cleo", false)]).await;
    app.deliver("post", &[post(3, 3, 2, false)]).await;
    follow(&app, 1, 2).await;
    assert_eq!(feed_of(&app, 1).await, [3, 2, 1]);
    app.finish().await;
}

#[tokio::test]
async fn posts_beyond_what_memory_takes_are_read_from_the_database() {
    for most in ["0", "1", "5", "1000"] {
        let app = with_people(spawn_with(Env::of([("FEED_MAX_POSTS", most)])).await).await;
        follow(&app, 1, 2).await;
        follow(&app, 1, 3).await;
        // The oldest posts arrive last, some posts are deleted later, and some are by people who are not followed.
        let posts: Vec<Value> = (1..=20).rev().map(|id| post(id, 1, 1 + id % 3, false)).collect();
        app.deliver("post", &posts[..10]).await;
        app.deliver("post", &posts[10..]).await;
        app.deliver("post", &[post(2, 2, 3, true), post(19, 2, 2, true)]).await;
        let expected = [20, 17, 16, 14, 13, 11, 10, 8, 7, 5, 4, 1];
        assert_eq!(feed_of(&app, 1).await, expected, "{most}");
        let (mut pages, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = app.get(&format!("/feed?limit=5{cursor}")).as_user(1, "ann").send().await.json;
            pages.extend(page["posts"].as_array().unwrap().iter().map(|post| post["id"].as_i64().unwrap()));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(pages, expected, "{most}");
        app.finish().await;
    }
}
