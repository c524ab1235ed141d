//! The end of the subscriptions of a person who has left.

use serde_json::{Value, json};

use crate::{follow, post, spawn_with_people, user};

/// The confirmation among the events, if it was published.
fn confirmation(events: &[(String, Value)]) -> Option<&Value> {
    events.iter().find(|(stream, _)| stream == "erasure_done.subscriptions").map(|(_, state)| state)
}

#[tokio::test]
async fn subscriptions_of_a_person_who_leaves_end_on_both_sides() {
    let app = spawn_with_people().await;
    for (follower, followee) in [(1, 2), (2, 1), (2, 3), (3, 1)] {
        follow(&app, follower, followee).await;
    }
    app.post("/users/3/mute", Value::Null).as_user(2, "bob").send().await;
    app.post("/notifications/read", json!({ "up_to": "2026-01-01T00:00:00Z" })).as_user(2, "bob").send().await;
    app.deliver("user", &[user(4, 1, "dora", false), user(5, 1, "eve", false)]).await;
    app.post("/users/4/block", Value::Null).as_user(2, "bob").send().await;
    app.post("/users/2/block", Value::Null).as_user(5, "eve").send().await;
    let exported = app.export(2, "/feed").await;
    let others = |kind: &str| exported[kind].iter().map(|row| row["user_id"].as_i64().unwrap()).collect::<Vec<_>>();
    assert_eq!((others("following"), others("followers"), others("mutes")), (vec![1, 3], vec![1], vec![3]));
    assert_eq!(exported["notification_settings"].len(), 1);
    app.deliver("post", &[post(7, 1, 2, false)]).await;
    let like = |version: i64, author: Value, at: Value| {
        let (deleted, key) = (author.is_null(), (2, 7));
        json!({
            "user_id": key.0, "post_id": key.1, "version": version, "deleted": deleted, "post_author_id": author,
            "created_at": at
        })
    };
    app.deliver("like", &[like(1, json!(2), json!("2026-02-01T00:00:00.000000Z"))]).await;
    let decision = |version: i64, warnings: Value| json!({ "id": 2, "version": version, "blocked": false, "blocked_until": null, "warnings": warnings });
    let warning = json!([{ "id": 1, "text": "Please be kind", "at": "2026-02-01T00:00:00.000000Z" }]);
    app.deliver("moderation.user", &[decision(1, warning)]).await;
    let mut gone = user(2, 2, "gone", false);
    for field in ["username", "first_name", "last_name", "bio", "created_at", "role"] {
        gone[field] = Value::Null;
    }
    (gone["deleted"], gone["session_version"]) = (json!(true), json!(1));
    app.deliver("user", &[gone]).await;
    let following = async || app.get("/users/3/followers").send().await.json["total"] == 0;
    app.eventually(following, "the end of the subscription to cleo").await;
    let mut events = app.events().await;
    assert_eq!(confirmation(&events), None, "the copy still holds a post of bob");
    app.deliver("post", &[post(7, 2, 2, true)]).await;
    app.clock.advance(std::time::Duration::from_secs(5));
    events.extend(app.events().await);
    assert_eq!(confirmation(&events), None, "the copy still holds a like of bob");
    app.deliver("like", &[like(2, Value::Null, Value::Null)]).await;
    app.clock.advance(std::time::Duration::from_secs(5));
    events.extend(app.events().await);
    assert_eq!(confirmation(&events), None, "the copy still holds a warning of bob");
    app.deliver("moderation.user", &[decision(2, json!([]))]).await;
    let is_confirmed = async || {
        app.clock.advance(std::time::Duration::from_secs(5));
        events.extend(app.events().await);
        confirmation(&events).is_some()
    };
    app.eventually(is_confirmed, "the confirmation").await;
    // The receipt does not tell that eve blocked bob.
    let counts = json!({ "blocks": 1, "following": 2, "followers": 1, "mutes": 1 });
    let confirmed = json!({ "id": 2, "version": 1, "complete": false, "counts": counts });
    assert_eq!(confirmation(&events), Some(&confirmed));
    let ended = |person: i64, blocked: i64| {
        let state = json!({ "user_id": person, "blocked_id": blocked, "version": 2, "deleted": true });
        events.contains(&("personal_block".to_owned(), state))
    };
    assert!(ended(2, 4) && ended(5, 2), "{events:?}");
    let followers = app.get("/users/1/followers").send().await.json;
    assert_eq!((&followers["total"], &followers["users"][0]["id"]), (&json!(1), &json!(3)));
    app.finish().await;
}
