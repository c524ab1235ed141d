//! The confirmation that the copies hold nothing of a person who has left.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{deleted_post, erased, like, small};

#[tokio::test]
async fn an_erasure_is_confirmed_when_the_copies_are_empty() {
    let app = small().await;
    app.events().await;
    let liked: Vec<Value> = app.export(3, "/recommendations").await.remove("likes").unwrap();
    assert_eq!(liked, [11, 13, 17].map(|post| json!({ "post_id": post })));
    let mut gone = erased(3, 2);
    gone["session_version"] = json!(1);
    app.deliver("user", &[gone]).await;
    let mut confirmed: Vec<(String, Value)> = Vec::new();
    // The likes of cleo go one by one, and the confirmation comes with the last.
    for post in [11, 13, 17] {
        app.clock.advance(Duration::from_secs(6));
        confirmed.extend(app.events().await);
        assert_eq!(confirmed, [], "before the like of {post} is gone");
        app.deliver("like", &[like(3, post, 2, false)]).await;
    }
    let is_confirmed = async || {
        app.clock.advance(Duration::from_secs(6));
        confirmed.extend(app.events().await);
        !confirmed.is_empty()
    };
    app.eventually(is_confirmed, "the confirmation").await;
    let state = json!({ "id": 3, "version": 1, "complete": false, "counts": {} });
    assert_eq!(confirmed, [("erasure_done.recommendations".to_owned(), state)]);

    // A person who wrote posts and likes nothing.
    let mut gone = erased(5, 2);
    gone["session_version"] = json!(1);
    let posts: Vec<Value> = (11..=16).map(|id| deleted_post(id, 2)).collect();
    app.deliver("post", &posts).await;
    app.deliver("user", &[gone]).await;
    confirmed.clear();
    let is_confirmed = async || {
        confirmed.extend(app.events().await);
        confirmed.iter().any(|(_, state)| state["id"] == 5)
    };
    app.eventually(is_confirmed, "the second confirmation").await;
    app.finish().await;
}
