//! Blocks between people: neither is recommended to the other, nor is a reason, whatever the order of the events.

use serde_json::{Value, json};

use crate::world::{CLEO, near, small};

fn block(person: i64, blocked: i64, version: i64, deleted: bool) -> Value {
    json!({ "user_id": person, "blocked_id": blocked, "version": version, "deleted": deleted })
}

#[tokio::test]
async fn the_blocked_are_neither_similar_nor_reasons() {
    for (blocker, blocked) in [(1, 2), (2, 1)] {
        let app = small().await;
        // The end of the block comes before it, and each twice.
        for state in [block(blocker, blocked, 3, false), block(blocker, blocked, 2, true)] {
            app.deliver("personal_block", std::slice::from_ref(&state)).await;
            app.deliver("personal_block", &[state]).await;
        }
        let similar = app.get("/recommendations/users").as_user(1, "ann").send().await.json;
        let ids: Vec<&Value> = similar["users"].as_array().unwrap().iter().map(|row| &row["user"]["id"]).collect();
        assert_eq!(ids, [&json!(3)]);
        // Only bob likes 14. Cleo alone is left as the reason for 13.
        let found = app.get("/recommendations").as_user(1, "ann").send().await.json;
        let posts = found["posts"].as_array().unwrap();
        assert_eq!((posts.len(), &posts[0]["post"]["id"]), (1, &json!(13)));
        near(&posts[0]["score"], CLEO);
        let reasons = posts[0]["because"].as_array().unwrap();
        assert_eq!((reasons.len(), &reasons[0]["user_id"]), (1, &json!(3)));
        let explained = app.get("/recommendations/posts/13/explain").as_user(1, "ann").send().await.json;
        assert_eq!(explained["because"].as_array().unwrap().len(), 1);
        near(&explained["score"], CLEO);
        app.deliver("personal_block", &[block(blocker, blocked, 4, true)]).await;
        let found = app.get("/recommendations").as_user(1, "ann").send().await.json;
        assert_eq!(found["posts"].as_array().unwrap().len(), 2);
        app.finish().await;
    }
}

#[tokio::test]
async fn posts_of_the_blocked_are_not_recommended() {
    let app = small().await;
    app.deliver("personal_block", &[block(5, 1, 1, false)]).await;
    let found = app.get("/recommendations?fallback=popular").as_user(1, "ann").send().await.json;
    assert_eq!(found["posts"], json!([]));
    app.get("/recommendations/posts/13/explain").as_user(1, "ann").send().await.is_problem(404, "Post not found");
    app.finish().await;
}
