//! The stream of events: what is told to whom, what a client gets that comes back, and what ends a stream.

use serde_json::{Value, json};
use testkit::app::TestApp;
use testkit::event_stream::{Event, EventStream};

use crate::{follow, spawn_with_people, user};

/// The time of minute `n` before noon of the day on which the tests run.
fn at(minute: i64) -> String {
    format!("2026-03-01T11:{minute:02}:00.000000Z")
}

/// A new post's state.
fn post(id: i64, author: i64, content: &str) -> Value {
    json!({
        "id": id, "version": 1, "deleted": false, "author_id": author, "title": format!("Post {id}"), "content": content,
        "image_url": null, "created_at": at(1), "updated_at": at(1)
    })
}

/// The state of a like of a post of ann's.
fn like(user: i64, post: i64, minute: i64) -> Value {
    json!({
        "user_id": user, "post_id": post, "version": 1, "deleted": false, "post_author_id": 1, "created_at": at(minute)
    })
}

fn counts(id: i64, version: i64, likes: i64) -> Value {
    json!({ "id": id, "version": version, "like_count": likes, "comment_count": 0, "view_count": 0 })
}

/// Opens ann's stream, and reads the event by which it begins.
async fn open(app: &TestApp, query: &str, seen: Option<&str>) -> (EventStream, Event) {
    let mut call = app.get(&format!("/stream{query}")).as_user(1, "ann");
    if let Some(seen) = seen {
        call = call.header("last-event-id", seen);
    }
    let mut stream = call.open().await;
    let ready = stream.next().await.unwrap();
    assert_eq!(ready.event, "ready");
    (stream, ready)
}

/// Reads the next events of a stream as short lines.
async fn lines(stream: &mut EventStream, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for _ in 0..count {
        lines.push(line(&stream.next().await.unwrap()));
    }
    lines
}

fn line(event: &Event) -> String {
    let data = &event.data;
    match event.event.as_str() {
        "post" => format!("post {}", data["id"]),
        "notification" => format!("{} {} {}", data["kind"].as_str().unwrap(), data["user_count"], data["post"]["id"]),
        "counts" => format!("counts {} {}", data["post_id"], data["like_count"]),
        name => format!("{name} {data}"),
    }
}

#[tokio::test]
async fn a_stream_tells_of_posts_notifications_and_counters() {
    let app = spawn_with_people().await;
    follow(&app, 1, 2).await;
    app.deliver("post", &[post(5, 1, "mine"), post(6, 3, "of a stranger")]).await;
    app.deliver("post_counts", &[counts(5, 1, 0), counts(6, 1, 7)]).await;
    let (mut stream, ready) = open(&app, "?posts=5,6,99", None).await;
    assert_eq!(ready.data, json!({ "resumed": false }));
    let mut first = lines(&mut stream, 2).await;
    first.sort();
    assert_eq!(first, ["counts 5 0", "counts 6 7"], "at once, of those that there are");

    app.deliver("post", &[post(7, 2, "hello @Ann"), post(8, 3, "of a stranger")]).await;
    let mut told = [stream.next().await.unwrap(), stream.next().await.unwrap()];
    let numbers: Vec<i64> = told.iter().map(|event| event.id.parse().unwrap()).collect();
    assert!(numbers.is_sorted() && numbers[0] > ready.id.parse().unwrap(), "{numbers:?}");
    told.sort_by_key(|event| event.event.clone());
    let feed = app.get("/feed").as_user(1, "ann").send().await;
    assert_eq!(told[1].data, feed.json["posts"][0], "a post as in the feed");
    let list = app.get("/notifications").as_user(1, "ann").send().await;
    let mention = &list.json["notifications"][0];
    assert_eq!((&told[0].data, &mention["kind"]), (mention, &json!("mention")), "a notification as in the list");

    app.deliver("like", &[like(1, 5, 2), like(2, 5, 3), like(3, 5, 4)]).await;
    app.deliver("post_counts", &[counts(5, 2, 3), counts(7, 1, 1)]).await;
    let mut told = lines(&mut stream, 2).await;
    told.sort();
    assert_eq!(told, ["counts 5 3", "like 2 5"], "once for both, and not of one's own");
    follow(&app, 3, 1).await;
    assert_eq!(lines(&mut stream, 1).await, ["follow 1 null"]);
    app.finish().await;
}

#[tokio::test]
async fn a_stream_tells_of_warnings_and_of_the_outcomes_of_reports() {
    let app = spawn_with_people().await;
    let (mut stream, _) = open(&app, "", None).await;
    let warning = json!({ "id": 1, "text": "Please be kind", "at": at(2) });
    let decision = json!({ "id": 1, "version": 1, "blocked": false, "blocked_until": null, "warnings": [warning] });
    app.deliver("moderation.user", &[decision]).await;
    let outcome = |version: i64, end: Option<&str>| {
        json!({
            "id": 4, "version": version, "reporter_id": 1, "target_kind": "post", "target_id": 9, "outcome": end,
            "resolved_at": end.map(|_| at(3))
        })
    };
    let warned = stream.next().await.unwrap();
    app.deliver("report_outcome", &[outcome(2, Some("acted"))]).await;
    let told = json!([stream.next().await.unwrap().data, warned.data]);
    let list = app.get("/notifications").as_user(1, "ann").send().await;
    assert_eq!(told, list.json["notifications"], "as in the list");
    assert_eq!((&told[0]["kind"], &told[1]["kind"]), (&json!("report"), &json!("warning")));
    let (mut resumed, _) = open(&app, "", Some(&warned.id)).await;
    assert_eq!(resumed.next().await.unwrap().data, told[0], "the rest");
    for state in [outcome(3, None), outcome(4, Some("dismissed"))] {
        app.deliver("report_outcome", &[state]).await;
    }
    assert_eq!(stream.next().await.unwrap().data["report"]["outcome"], "dismissed", "another end is told too");
    app.finish().await;
}

#[tokio::test]
async fn whom_one_stops_to_hear_is_not_announced() {
    let app = spawn_with_people().await;
    for followee in [2, 3] {
        follow(&app, 1, followee).await;
    }
    let (mut stream, _) = open(&app, "", None).await;
    app.deliver("post", &[post(5, 2, ""), post(6, 3, "")]).await;
    assert_eq!(lines(&mut stream, 2).await, ["post 5", "post 6"]);
    app.post("/users/2/mute", Value::Null).as_user(1, "ann").send().await;
    app.deliver("post", &[post(7, 2, ""), post(8, 3, "")]).await;
    assert_eq!(lines(&mut stream, 1).await, ["post 8"]);
    app.delete("/unsubscribe/3").as_user(1, "ann").send().await;
    app.delete("/users/2/mute").as_user(1, "ann").send().await;
    app.deliver("post", &[post(9, 3, ""), post(10, 2, "")]).await;
    assert_eq!(lines(&mut stream, 1).await, ["post 10"]);
    // A kind that is muted, and then somebody who is blocked by an admin.
    let muted = json!({ "muted": ["follow"] });
    app.call(axum::http::Method::PUT, "/notifications/settings", Some(muted)).as_user(1, "ann").send().await;
    follow(&app, 3, 1).await;
    app.deliver("user", &[user(3, 2, "cleo", true)]).await;
    app.deliver("post", &[post(11, 3, "@ann"), post(12, 2, "")]).await;
    assert_eq!(lines(&mut stream, 1).await, ["post 12"]);
    app.finish().await;
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_has_missed_and_nothing_twice() {
    let app = spawn_with_people().await;
    follow(&app, 1, 2).await;
    let (mut stream, _) = open(&app, "", None).await;
    app.deliver("post", &[post(5, 2, "")]).await;
    let seen = stream.next().await.unwrap();
    assert_eq!(line(&seen), "post 5");
    drop(stream);
    app.deliver("post", &[post(6, 2, "")]).await;
    app.deliver("like", &[like(2, 20, 2)]).await;
    app.deliver("post", &[post(20, 1, "mine"), post(7, 3, "@ann"), post(8, 2, "")]).await;
    // Twice, as messages come, and once more by a copy that is built anew.
    app.deliver("post", &[post(8, 2, "")]).await;
    app.deliver("like", &[like(2, 20, 2), like(3, 20, 3)]).await;
    let (mut stream, ready) = open(&app, "", Some(&seen.id)).await;
    assert_eq!((ready.data, ready.id), (json!({ "resumed": true }), seen.id.clone()));
    assert_eq!(lines(&mut stream, 4).await, ["post 6", "post 8", "mention 1 7", "like 2 20"]);
    app.deliver("post", &[post(9, 2, "")]).await;
    let last = stream.next().await.unwrap();
    assert_eq!(line(&last), "post 9");
    let (mut stream, _) = open(&app, "", Some(&last.id)).await;
    app.deliver("post", &[post(10, 2, "")]).await;
    assert_eq!(lines(&mut stream, 1).await, ["post 10"]);
    app.finish().await;
}

#[tokio::test]
async fn a_stream_that_cannot_be_resumed_begins_anew_and_says_so() {
    let app = spawn_with_people().await;
    follow(&app, 1, 2).await;
    app.deliver("post", &[post(5, 2, "")]).await;
    let (_, now) = open(&app, "", None).await;
    let number: i64 = now.id.parse().unwrap();
    let restored = (number + shared::events::restore::VERSION_STEP).to_string();
    for seen in ["", "x", "-1", "0", "99999999999999999999", &restored, &(number + 1).to_string()] {
        let (_, ready) = open(&app, "", Some(seen)).await;
        assert_eq!((ready.data, ready.id), (json!({ "resumed": false }), now.id.clone()), "{seen}");
    }
    // More than a client should be told one by one.
    let many: Vec<Value> = (100..201).map(|id| post(id, 2, "")).collect();
    app.deliver("post", &many).await;
    let (_, ready) = open(&app, "", Some(&now.id)).await;
    assert_eq!(ready.data, json!({ "resumed": false }));
    app.finish().await;
}

#[tokio::test]
async fn what_is_old_is_no_news() {
    let app = spawn_with_people().await;
    follow(&app, 1, 2).await;
    let (mut stream, _) = open(&app, "", None).await;
    let mut old = post(5, 2, "");
    old["created_at"] = json!("2026-02-28T11:00:00.000000Z");
    app.deliver("post", &[old, post(6, 2, "")]).await;
    assert_eq!(lines(&mut stream, 1).await, ["post 6"]);
    app.finish().await;
}

#[tokio::test]
async fn a_block_an_ended_session_and_an_expired_token_end_a_stream() {
    let app = spawn_with_people().await;
    let (mut blocked, _) = open(&app, "", None).await;
    let mut mine = app.get("/stream").as_user(2, "bob").open().await;
    app.deliver("user", &[user(1, 2, "ann", true)]).await;
    let end = blocked.next().await.unwrap();
    assert_eq!((end.event.as_str(), end.data), ("end", json!({ "reason": "account_blocked" })));
    assert_eq!(blocked.next().await, None);
    assert_eq!(mine.next().await.unwrap().event, "ready");
    app.clock.advance(std::time::Duration::from_secs(3_600));
    assert_eq!(line(&mine.next().await.unwrap()), r#"end {"reason":"token_expired"}"#);
    assert_eq!(mine.next().await, None);

    let mut ended = app.get("/stream").as_user(3, "cleo").open().await;
    assert_eq!(ended.next().await.unwrap().event, "ready");
    let mut state = user(3, 2, "cleo", false);
    state["session_version"] = json!(1);
    app.deliver("user", &[state]).await;
    assert_eq!(line(&ended.next().await.unwrap()), r#"end {"reason":"session_ended"}"#);
    app.finish().await;
}

#[tokio::test]
async fn streams_end_when_the_process_stops() {
    let app = spawn_with_people().await;
    let (mut stream, _) = open(&app, "", None).await;
    app.service().stopping().cancel();
    assert_eq!(line(&stream.next().await.unwrap()), r#"end {"reason":"stopping"}"#);
    assert_eq!(stream.next().await, None);
    app.get("/stream").as_user(1, "ann").send().await.is_problem(503, "No stream can be opened now, try again later");
    app.finish().await;
}

#[tokio::test]
async fn a_person_has_a_bounded_number_of_streams() {
    let app = spawn_with_people().await;
    let mut streams = Vec::new();
    for _ in 0..10 {
        streams.push(open(&app, "", None).await);
    }
    let refused = app.get("/stream").as_user(1, "ann").send().await;
    refused.is_problem(429, "Too many streams are open already; close one first");
    app.get("/stream").as_user(2, "bob").open().await;
    drop(streams.pop());
    open(&app, "", None).await;
    app.get("/stream?posts=1,x").as_user(2, "bob").send().await.is_problem(400, "");
    app.get("/stream").send().await.is_problem(401, "An access token is required");
    app.finish().await;
}

/// The client of this stream reads nothing. It is not waited for, and gets what it has missed when it comes back.
#[tokio::test]
async fn a_stream_that_does_not_keep_up_is_ended() {
    let app = spawn_with_people().await;
    follow(&app, 1, 2).await;
    let (mut stream, ready) = open(&app, "", None).await;
    for id in 5..100 {
        app.deliver("post", &[post(id, 2, "")]).await;
    }
    let mut told = Vec::new();
    while let Some(event) = stream.next().await {
        told.push(line(&event));
    }
    assert!((1..95).contains(&told.len()), "{}", told.len());
    let (mut stream, _) = open(&app, "", Some(&ready.id)).await;
    let all: Vec<String> = (5..100).map(|id| format!("post {id}")).collect();
    assert_eq!(lines(&mut stream, 95).await, all);
    app.finish().await;
}
