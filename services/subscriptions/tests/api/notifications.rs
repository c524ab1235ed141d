//! Notifications: who is told of what, how it is grouped, paged and marked as read, and who is left out.

use serde_json::{Value, json};
use testkit::app::TestApp;

use crate::{follow, post, spawn_with_people, user};

/// The time of minute `n` of the 2nd of February 2026 in UTC; negative minutes are of the day before.
fn at(minute: i64) -> String {
    let (day, minute) = if minute < 0 { (1, 1_440 + minute) } else { (2, minute) };
    format!("2026-02-{day:02}T{:02}:{:02}:00.000000Z", minute / 60, minute % 60)
}

/// The state of a like of ann's post, at a minute.
fn like(user: i64, post: i64, version: i64, minute: Option<i64>) -> Value {
    json!({
        "user_id": user, "post_id": post, "version": version, "deleted": minute.is_none(),
        "post_author_id": minute.map(|_| 1), "created_at": minute.map(at)
    })
}

/// The state of a comment on ann's post 5.
fn comment(id: i64, author: i64, answered: &[i64], content: &str, minute: i64) -> Value {
    json!({
        "id": id, "version": 1, "deleted": false, "post_id": 5, "post_author_id": 1, "author_id": author,
        "reply_to": null, "answered": (!answered.is_empty()).then_some(answered), "content": content,
        "created_at": at(minute), "updated_at": at(minute)
    })
}

fn tombstone(id: i64, version: i64) -> Value {
    json!({ "id": id, "version": version, "deleted": true, "removed": true, "post_id": null, "post_author_id": null,
        "author_id": null, "reply_to": null, "answered": null, "content": null, "created_at": null, "updated_at": null })
}

async fn read(app: &TestApp, person: (i64, &str), query: &str) -> Value {
    let answer = app.get(&format!("/notifications{query}")).as_user(person.0, person.1).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

/// Reads somebody's notifications as short lines: the kind, the names, how many people, the comment's id or the post's.
async fn lines(app: &TestApp, person: (i64, &str)) -> Vec<String> {
    short(&read(app, person, "?limit=100").await)
}

fn short(list: &Value) -> Vec<String> {
    let line = |one: &Value| {
        let names: Vec<&str> =
            one["users"].as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect();
        let (post, comment) = (&one["post"]["id"], &one["comment"]["id"]);
        format!("{} {} {} {post} {comment}", one["kind"].as_str().unwrap(), names.join("+"), one["user_count"])
    };
    list["notifications"].as_array().unwrap().iter().map(line).collect()
}

/// Starts an app with ann (1), bob (2), cleo (3), dan (4) and eve (5), and post 5 of ann.
async fn spawn() -> TestApp {
    let app = spawn_with_people().await;
    app.deliver("user", &[user(4, 1, "dan", false), user(5, 1, "Eve", false)]).await;
    app.deliver("post", &[post(5, 1, 1, false), post(6, 1, 1, false)]).await;
    app
}

#[tokio::test]
async fn one_is_told_of_followers_likes_comments_answers_and_mentions() {
    let app = spawn().await;
    app.deliver("like", &[like(2, 5, 1, Some(1)), like(1, 5, 1, Some(2))]).await;
    app.deliver(
        "comment",
        &[
            comment(10, 2, &[], "nice", 3),
            comment(11, 3, &[2], "hello @eve, and @ANN", 4),
            comment(12, 1, &[2, 3], "thanks", 5),
        ],
    )
    .await;
    follow(&app, 2, 1).await;
    // The follow has the time of the app's clock, which is in March.
    let ann = ["follow bob 1 null null", "mention cleo 1 5 11", "comment bob 1 5 10", "like bob 1 5 null"];
    assert_eq!(lines(&app, (1, "ann")).await, ann, "newest first, each thing once, nothing of one's own");
    assert_eq!(lines(&app, (2, "bob")).await, ["answer ann 1 5 12", "answer cleo 1 5 11"]);
    assert_eq!(lines(&app, (3, "cleo")).await, ["answer ann 1 5 12"]);
    assert_eq!(lines(&app, (5, "Eve")).await, ["mention cleo 1 5 11"], "whatever the case of the name");
    let newest = read(&app, (1, "ann"), "?limit=2").await;
    assert_eq!(
        newest["notifications"][1],
        json!({
            "kind": "mention", "created_at": at(4), "read": false, "users": [{ "id": 3, "username": "cleo", "avatar_url": "/users/3/avatar" }],
            "user_count": 1, "post": { "id": 5, "title": "Post 5" }, "warning": null, "report": null,
            "comment": { "id": 11, "content": "hello @eve, and @ANN", "entities": [
                { "type": "mention", "text": "eve", "start": 6, "end": 10, "byte_start": 6, "byte_end": 10 },
                { "type": "mention", "text": "ANN", "start": 16, "end": 20, "byte_start": 16, "byte_end": 20 },
            ] }
        })
    );
    app.finish().await;
}

#[tokio::test]
async fn likes_of_a_day_are_told_together_and_pages_neither_lose_nor_repeat() {
    let app = spawn().await;
    let likes: Vec<Value> = [
        (2, 5, -30),
        (3, 5, -20),
        (4, 5, -20),
        (5, 5, -10),
        // The next day.
        (2, 6, 10),
        (3, 6, 20),
        (4, 6, 20),
        (5, 6, 15),
    ]
    .into_iter()
    .map(|(user, post, minute)| like(user, post, 1, Some(minute)))
    .collect();
    app.deliver("like", &likes).await;
    // One more like of post 5 makes a second crowd, because it is another day; then bob's is no longer the first.
    app.deliver("like", &[like(2, 5, 2, None)]).await;
    app.deliver("like", &[like(2, 5, 3, Some(12))]).await;
    app.deliver("comment", &(0..5).map(|n| comment(20 + n, 2, &[], "all at once", 20)).collect::<Vec<_>>()).await;
    let all = [
        "like dan+cleo+Eve 4 6 null",
        "comment bob 1 5 24",
        "comment bob 1 5 23",
        "comment bob 1 5 22",
        "comment bob 1 5 21",
        "comment bob 1 5 20",
        "like bob 1 5 null",
        "like Eve+dan+cleo 3 5 null",
    ];
    let mut expected: Vec<&str> = all.to_vec();
    // Things of the same time are ordered by their places: comments 20 to 24 have higher ones than the likes of post 6.
    expected[..6].rotate_left(1);
    assert_eq!(lines(&app, (1, "ann")).await, expected);
    for limit in 1..=8 {
        let (mut seen, mut query) = (Vec::new(), format!("?limit={limit}"));
        loop {
            let page = read(&app, (1, "ann"), &query).await;
            seen.extend(short(&page));
            let Some(next) = page["next"].as_str() else { break };
            query = format!("?limit={limit}&cursor={next}");
        }
        assert_eq!(seen, expected, "limit {limit}");
    }
    app.finish().await;
}

#[tokio::test]
async fn the_marker_moves_forward_only_and_counts_are_of_what_is_newer() {
    let app = spawn().await;
    app.deliver("comment", &[comment(10, 2, &[], "one", 1), comment(11, 3, &[], "two", 2)]).await;
    let unread = async || {
        let answer = app.get("/notifications/unread_count").as_user(1, "ann").send().await.json;
        (answer["unread_count"].as_i64().unwrap(), short(&read(&app, (1, "ann"), "?unread=true").await))
    };
    let mark = async |up_to: &str| {
        let answer = app.post("/notifications/read", json!({ "up_to": up_to })).as_user(1, "ann").send().await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json["read_up_to"].as_str().unwrap().to_owned()
    };
    assert_eq!(unread().await.0, 2);
    assert_eq!(mark(&at(1)).await, at(1));
    assert_eq!(unread().await, (1, vec!["comment cleo 1 5 11".to_owned()]));
    let both = read(&app, (1, "ann"), "").await;
    assert_eq!((&both["notifications"][0]["read"], &both["notifications"][1]["read"]), (&json!(false), &json!(true)));
    assert_eq!(mark(&at(0)).await, at(1), "a marker does not go back");
    // A marker in the future would hide what is still to come. The app's clock stands at noon of the 1st of March.
    assert_eq!(mark("2030-01-01T00:00:00Z").await, "2026-03-01T12:00:00.000000Z");
    assert_eq!(unread().await, (0, vec![]));
    for body in
        [json!({}), json!({ "up_to": "yesterday" }), json!({ "up_to": 1 }), json!({ "up_to": at(1), "all": true })]
    {
        let answer = app.post("/notifications/read", body.clone()).as_user(1, "ann").send().await;
        assert!((400..=422).contains(&answer.status), "{body}: {}", answer.text);
    }
    app.finish().await;
}

#[tokio::test]
async fn hidden_people_and_things_vanish_and_come_back() {
    let app = spawn().await;
    app.deliver("like", &[like(2, 5, 1, Some(1)), like(3, 5, 1, Some(2))]).await;
    app.deliver("comment", &[comment(10, 2, &[], "@ann", 3)]).await;
    follow(&app, 2, 1).await;
    let all = ["follow bob 1 null null", "mention bob 1 5 10", "like cleo+bob 2 5 null"];
    assert_eq!(lines(&app, (1, "ann")).await, all);
    app.deliver("user", &[user(2, 2, "bob", true)]).await;
    assert_eq!(lines(&app, (1, "ann")).await, ["like cleo 1 5 null"]);
    app.deliver("user", &[user(2, 3, "bob", false)]).await;
    assert_eq!(lines(&app, (1, "ann")).await, all);
    // A mute hides the person from the one who muted, and from nobody else.
    let muted = app.post("/users/2/mute", Value::Null).as_user(1, "ann").send().await;
    assert_eq!((muted.status, muted.json), (200, json!({ "message": "User 2 muted" })));
    assert_eq!(lines(&app, (1, "ann")).await, ["like cleo 1 5 null"]);
    let unmuted = app.delete("/users/2/mute").as_user(1, "ann").send().await;
    assert_eq!((unmuted.status, unmuted.json), (200, json!({ "message": "User 2 unmuted" })));
    // What is deleted or removed is told no more, and a restored comment is told again.
    app.deliver("comment", &[tombstone(10, 2)]).await;
    assert_eq!(lines(&app, (1, "ann")).await, ["follow bob 1 null null", "like cleo+bob 2 5 null"]);
    let mut restored = comment(10, 2, &[], "no names any more", 3);
    restored["version"] = json!(3);
    app.deliver("comment", &[restored]).await;
    assert_eq!(
        lines(&app, (1, "ann")).await,
        ["follow bob 1 null null", "comment bob 1 5 10", "like cleo+bob 2 5 null"]
    );
    app.deliver("post", &[post(5, 2, 1, true)]).await;
    assert_eq!(lines(&app, (1, "ann")).await, ["follow bob 1 null null"]);
    app.delete("/unsubscribe/1").as_user(2, "bob").send().await;
    assert_eq!(lines(&app, (1, "ann")).await, Vec::<String>::new());
    app.finish().await;
}

#[tokio::test]
async fn a_post_tells_the_people_it_mentions_and_an_edit_tells_others() {
    let app = spawn().await;
    let with = |version: i64, content: &str| {
        let mut state = post(9, version, 2, false);
        state["content"] = json!(content);
        state
    };
    // The newer state arrives first, so the older one must change nothing.
    app.deliver("post", &[with(2, "for @cleo")]).await;
    app.deliver("post", &[with(1, "for @ann")]).await;
    assert_eq!(lines(&app, (1, "ann")).await, Vec::<String>::new());
    assert_eq!(lines(&app, (3, "cleo")).await, ["mention bob 1 9 null"]);
    app.finish().await;
}

#[tokio::test]
async fn kinds_can_be_muted() {
    let app = spawn().await;
    app.deliver("like", &[like(2, 5, 1, Some(1))]).await;
    app.deliver("comment", &[comment(10, 2, &[], "hi", 2)]).await;
    let put = async |muted: Value| {
        let body = json!({ "muted": muted });
        app.call(axum::http::Method::PUT, "/notifications/settings", Some(body)).as_user(1, "ann").send().await
    };
    let answer = put(json!(["like", "follow"])).await;
    assert_eq!((answer.status, answer.json), (200, json!({ "muted": ["like", "follow"], "read_up_to": null })));
    assert_eq!(lines(&app, (1, "ann")).await, ["comment bob 1 5 10"]);
    put(json!(["comment"])).await;
    assert_eq!(lines(&app, (1, "ann")).await, ["like bob 1 5 null"]);
    // The marker survives a change of the kinds, and the other way round.
    app.post("/notifications/read", json!({ "up_to": at(1) })).as_user(1, "ann").send().await;
    let settings = app.get("/notifications/settings").as_user(1, "ann").send().await.json;
    assert_eq!(settings, json!({ "muted": ["comment"], "read_up_to": at(1) }));
    assert_eq!(put(json!([])).await.json, json!({ "muted": [], "read_up_to": at(1) }));
    put(json!(["poke"])).await.is_problem(422, "");
    put(json!(vec!["like"; 7])).await.is_problem(422, "");
    put(json!(["like", "follow", "like"])).await.is_problem(422, "");
    app.finish().await;
}

#[tokio::test]
async fn the_muted_are_listed_and_leave_the_feed() {
    let app = spawn().await;
    follow(&app, 1, 2).await;
    app.deliver("post", &[post(7, 1, 2, false)]).await;
    assert_eq!(crate::feed_of(&app, 1).await, [7]);
    let mute = async |id: i64| app.post(&format!("/users/{id}/mute"), Value::Null).as_user(1, "ann").send().await;
    for id in [2, 3, 2] {
        assert_eq!(mute(id).await.status, 200);
    }
    assert_eq!(crate::feed_of(&app, 1).await, [0_i64; 0], "one goes on following without reading");
    mute(1).await.is_problem(422, "");
    mute(99).await.is_problem(404, "User not found");
    let first = app.get("/mutes?limit=1").as_user(1, "ann").send().await.json;
    assert_eq!(first["users"][0]["username"], "cleo");
    let next = first["next"].as_str().unwrap();
    let rest = app.get(&format!("/mutes?limit=1&cursor={next}")).as_user(1, "ann").send().await.json;
    assert_eq!((&rest["users"][0]["username"], &rest["next"]), (&json!("bob"), &Value::Null));
    let unmute = async || app.delete("/users/2/mute").as_user(1, "ann").send().await;
    assert_eq!(unmute().await.status, 200);
    unmute().await.is_problem(404, "Mute not found");
    assert_eq!(crate::feed_of(&app, 1).await, [7]);
    app.finish().await;
}
