//! A small world whose answers are computed by hand.
//!
//! Ann (1) likes 11 and 12. Bob (2) likes 11, 12, 13 and 14: similarity 2 / sqrt(2 · 4). Cleo (3) likes 11, 13 and 17:
//! 1 / sqrt(2 · 3). Dan (4) likes 15 and shares nothing with Ann. Eve (5) wrote 11 to 16, Ann wrote 17.

use recommendations::{NAME, build};
use serde_json::{Value, json};
use testkit::app::{Answer, TestApp};

/// Bob's similarity to Ann.
pub(crate) const BOB: f64 = 0.707_106_781_186_547_5;
/// Cleo's similarity to Ann.
pub(crate) const CLEO: f64 = 0.408_248_290_463_863;

pub(crate) const NAMES: [&str; 5] = ["ann", "bob", "cleo", "dan", "eve"];
pub(crate) const LIKES: [(i64, i64); 10] =
    [(1, 11), (1, 12), (2, 11), (2, 12), (2, 13), (2, 14), (3, 11), (3, 13), (3, 17), (4, 15)];

/// Starts a service that has received no event.
pub(crate) async fn empty() -> TestApp {
    TestApp::spawn(NAME, async |deps| build(deps)).await
}

/// Starts a service that has received all events of the small world.
pub(crate) async fn small() -> TestApp {
    let app = empty().await;
    app.deliver("user", &users()).await;
    app.deliver("post", &posts()).await;
    app.deliver(
        "post_counts",
        &[json!({"id": 13, "version": 9, "like_count": 2, "comment_count": 3, "view_count": 40})],
    )
    .await;
    app.deliver("like", &likes()).await;
    app
}

pub(crate) fn users() -> Vec<Value> {
    (1..).zip(NAMES).map(|(id, name)| user(id, name, 1, false)).collect()
}

pub(crate) fn posts() -> Vec<Value> {
    (11..=17).map(|id| post(id, if id == 17 { 1 } else { 5 }, 1)).collect()
}

pub(crate) fn likes() -> Vec<Value> {
    LIKES.into_iter().map(|(user, post)| like(user, post, 1, true)).collect()
}

pub(crate) fn user(id: i64, name: &str, version: i64, blocked: bool) -> Value {
    json!({
        "id": id, "version": version, "deleted": false, "username": name, "first_name": "First", "last_name": null,
        "bio": "Line\nbreak", "created_at": "2026-02-01T08:00:00.000001Z", "verified": true, "blocked": blocked,
        "role": "user", "session_version": version - 1
    })
}

pub(crate) fn erased(id: i64, version: i64) -> Value {
    json!({
        "id": id, "version": version, "deleted": true, "username": null, "first_name": null, "last_name": null,
        "bio": null, "created_at": null, "verified": false, "blocked": false, "role": null, "session_version": 0
    })
}

pub(crate) fn post(id: i64, author: i64, version: i64) -> Value {
    json!({
        "id": id, "version": version, "deleted": false, "author_id": author, "title": format!("Post {id}"),
        "content": "Text", "image_url": "/media/6bf46c697d2caf82eeeacbe226e87555.png", "images": pictures(), "created_at": "2026-02-02T08:00:00.000000Z",
        "updated_at": "2026-02-03T08:00:00.000000Z"
    })
}

pub(crate) fn deleted_post(id: i64, version: i64) -> Value {
    json!({
        "id": id, "version": version, "deleted": true, "author_id": null, "title": null, "content": null,
        "image_url": null, "created_at": null, "updated_at": null
    })
}

pub(crate) fn like(user: i64, post: i64, version: i64, active: bool) -> Value {
    let kept = |value: Value| if active { value } else { Value::Null };
    json!({
        "user_id": user, "post_id": post, "version": version, "deleted": !active, "post_author_id": kept(json!(1)),
        "created_at": kept(json!("2026-03-01T11:00:00.000000Z"))
    })
}

/// Requests Ann's recommendations with this query string, and returns the answer.
pub(crate) async fn for_ann(app: &TestApp, query: &str) -> Answer {
    let answer = app.get(&format!("/recommendations{query}")).as_user(1, "ann").send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer
}

/// Reads the ids of recommended posts.
pub(crate) fn ids(answer: &Answer) -> Vec<i64> {
    let posts = answer.json["posts"].as_array().expect("posts");
    posts.iter().map(|recommended| recommended["post"]["id"].as_i64().expect("an id")).collect()
}

/// Fails unless a number equals this one up to rounding.
#[track_caller]
pub(crate) fn near(value: &Value, expected: f64) {
    let number = value.as_f64().expect("a number");
    assert!((number - expected).abs() < 1e-12, "{number} is not {expected}");
}

/// The pictures of each post, as posts publishes them and as answers show them.
pub(crate) fn pictures() -> Value {
    let stem = "/media/6bf46c697d2caf82eeeacbe226e87555";
    json!([{
        "id": "6bf46c697d2caf82eeeacbe226e87555", "url": format!("{stem}.png"), "width": 500, "height": 300,
        "alt": "A cable in the fog", "sizes": [{ "url": format!("{stem}-320.webp"), "width": 320 }]
    }])
}
