//! Subscriptions: following, unfollowing, and the lists of followers and followees.

use serde_json::{Value, json};

use crate::{follow, spawn_with_people, user};

#[tokio::test]
async fn a_subscription_is_switched_on_and_off_and_told_apart() {
    let app = spawn_with_people().await;
    follow(&app, 1, 2).await;
    let again = app.post("/subscribe/2", Value::Null).as_user(1, "ann");
    again.send().await.is_problem(409, "Already subscribed");
    app.post("/subscribe/1", Value::Null).as_user(1, "ann").send().await.is_problem(422, "");
    app.post("/subscribe/99", Value::Null).as_user(1, "ann").send().await.is_problem(404, "User not found");
    let off = app.delete("/unsubscribe/2").as_user(1, "ann").send().await;
    assert_eq!((off.status, off.json), (200, json!({ "message": "Unsubscribed from user 2" })));
    app.delete("/unsubscribe/2").as_user(1, "ann").send().await.is_problem(404, "Subscription not found");
    follow(&app, 1, 2).await;
    app.finish().await;
}

#[tokio::test]
async fn one_stops_following_whom_nobody_sees_any_more_and_it_stays_so() {
    let app = spawn_with_people().await;
    follow(&app, 1, 2).await;
    follow(&app, 1, 3).await;
    app.deliver("user", &[user(2, 2, "bob", true)]).await;
    let listed = async || {
        let answer = app.get("/users/1/following").send().await.json;
        assert_eq!(answer["total"], answer["users"].as_array().unwrap().len(), "{answer}");
        answer["total"].as_i64().unwrap()
    };
    assert_eq!(listed().await, 1);
    // The follower still sees the subscription to a blocked person, because it can be ended.
    let mine = app.get("/following?user_id=2,3").as_user(1, "ann").send().await.json;
    assert_eq!(mine, json!({ "user_ids": [2, 3] }));
    let off = app.delete("/unsubscribe/2").as_user(1, "ann").send().await;
    assert_eq!((off.status, off.json), (200, json!({ "message": "Unsubscribed from user 2" })));
    app.deliver("user", &[user(2, 3, "bob", false)]).await;
    assert_eq!(listed().await, 1);
    app.finish().await;
}

#[tokio::test]
async fn both_sides_are_listed_with_their_total() {
    let app = spawn_with_people().await;
    follow(&app, 1, 3).await;
    follow(&app, 2, 3).await;
    follow(&app, 1, 2).await;
    let followers = app.get("/users/3/followers?limit=1").send().await.json;
    assert_eq!((&followers["total"], &followers["users"][0]["username"]), (&json!(2), &json!("bob")));
    let next = followers["next"].as_str().unwrap();
    let rest = app.get(&format!("/users/3/followers?limit=1&cursor={next}")).send().await.json;
    let ann = json!({ "id": 1, "username": "ann", "first_name": null, "last_name": "Doe", "bio": null, "avatar_url": "/users/1/avatar", "created_at": "2026-01-01T00:00:00.000000Z" });
    assert_eq!(rest, json!({ "users": [ann], "total": 2, "next": null }));
    let following = app.get("/users/1/following").send().await.json;
    let ids: Vec<&Value> = following["users"].as_array().unwrap().iter().map(|user| &user["id"]).collect();
    assert_eq!(ids, [&json!(3), &json!(2)]);
    let mine = app.get("/following?user_id=1,2,3,99").as_user(1, "ann").send().await.json;
    assert_eq!(mine, json!({ "user_ids": [2, 3] }));

    // A blocked person is not counted, and an unblock restores the old number.
    app.deliver("user", &[user(2, 2, "bob", true)]).await;
    assert_eq!(app.get("/users/3/followers").send().await.json["total"], 1);
    app.get("/users/2/followers").send().await.is_problem(404, "User not found");
    app.deliver("user", &[user(2, 3, "bob", false)]).await;
    assert_eq!(app.get("/users/3/followers").send().await.json["total"], 2);
    app.finish().await;
}
