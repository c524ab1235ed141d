//! Threads: answers to comments, how deep they go, and what stays in the list when a comment is gone.

use serde_json::{Value, json};
use testkit::app::{Answer, TestApp};

use crate::{post_of_ann, spawn, user};

async fn answer(app: &TestApp, post: i64, reply_to: Value, author: (i64, &str)) -> Answer {
    let body = json!({ "content": "an answer", "reply_to": reply_to });
    app.post(&format!("/posts/{post}/comments"), body).as_user(author.0, author.1).send().await
}

/// Lists the comments of a post as (id, answered comment, depth, author's name).
async fn list(app: &TestApp, post: i64) -> Vec<(i64, Option<i64>, i64, Option<String>)> {
    let listed = app.get(&format!("/posts/{post}/comments?limit=100")).send().await.json;
    let row = |one: &Value| {
        assert_eq!(one["content"].is_null(), one["author"].is_null(), "{one}");
        let author = one["author"]["username"].as_str().map(str::to_owned);
        (one["id"].as_i64().unwrap(), one["reply_to"].as_i64(), one["depth"].as_i64().unwrap(), author)
    };
    listed["comments"].as_array().unwrap().iter().map(row).collect()
}

async fn comment_count(app: &TestApp, post: i64) -> i64 {
    app.get(&format!("/posts/{post}")).send().await.json["comment_count"].as_i64().unwrap()
}

#[tokio::test]
async fn comments_are_answered_eight_deep_and_no_deeper() {
    let app = spawn().await;
    let post = post_of_ann(&app).await;
    let mut parent = Value::Null;
    for depth in 1..=8 {
        let answered = answer(&app, post, parent.clone(), (2, "bob")).await;
        assert_eq!(answered.status, 201, "{}", answered.text);
        let comment = &answered.json["comment"];
        assert_eq!((&comment["depth"], &comment["reply_to"]), (&json!(depth), &parent));
        parent = comment["id"].clone();
    }
    let refused = answer(&app, post, parent, (2, "bob")).await;
    refused.is_problem(422, "");
    assert_eq!(refused.json["errors"][0]["pointer"], "/reply_to", "{}", refused.text);
    assert_eq!(comment_count(&app, post).await, 8, "answers are comments");
    app.finish().await;
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_and_its_neighbours_are_not() {
    let app = spawn().await;
    let (post, other) = (post_of_ann(&app).await, post_of_ann(&app).await);
    let elsewhere = answer(&app, other, Value::Null, (1, "ann")).await.json["comment"]["id"].clone();
    let gone = answer(&app, post, Value::Null, (2, "bob")).await.json["comment"]["id"].clone();
    app.delete(&format!("/posts/{post}/comments/{gone}")).as_user(2, "bob").send().await;
    let there = answer(&app, post, Value::Null, (1, "ann")).await.json["comment"]["id"].clone();
    // All are sent at once, so that they share transactions.
    let sent = [&elsewhere, &gone, &json!(999), &json!(-1), &there, &json!("x"), &json!([1])];
    let answers =
        futures_util::future::join_all(sent.map(|parent| answer(&app, post, parent.clone(), (3, "cid")))).await;
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [422, 422, 422, 422, 201, 422, 422]);
    assert_eq!(comment_count(&app, post).await, 2);
    // A change of a comment cannot move it.
    let moved = json!({ "content": "x", "reply_to": there });
    let moved = app.patch(&format!("/posts/{post}/comments/{there}"), moved).as_user(1, "ann").send().await;
    moved.is_problem(422, "");
    app.finish().await;
}

#[tokio::test]
async fn an_answered_comment_keeps_its_place_when_it_is_gone() {
    let app = spawn().await;
    app.deliver("user", &[user(1, 1, "ann", false), user(2, 1, "bob", false), user(3, 1, "cid", false)]).await;
    let post = post_of_ann(&app).await;
    let mut ids = Vec::new();
    for (parent, author) in [(None, (2, "bob")), (Some(0), (3, "cid")), (Some(1), (2, "bob")), (None, (3, "cid"))] {
        let parent = parent.map_or(Value::Null, |place: usize| json!(ids[place]));
        let answered = answer(&app, post, parent, author).await;
        ids.push(answered.json["comment"]["id"].as_i64().unwrap());
    }
    let named = |name: &str| Some(name.to_owned());
    let all = [
        (ids[0], None, 1, named("bob")),
        (ids[1], Some(ids[0]), 2, named("cid")),
        (ids[2], Some(ids[1]), 3, named("bob")),
        (ids[3], None, 1, named("cid")),
    ];
    assert_eq!(list(&app, post).await, all);
    // Nobody has answered the last one, so it leaves no gap; the others do.
    for (place, author) in [(0, (2, "bob")), (1, (3, "cid")), (3, (3, "cid"))] {
        let path = format!("/posts/{post}/comments/{}", ids[place]);
        assert_eq!(app.delete(&path).as_user(author.0, author.1).send().await.status, 200);
    }
    let gap = |place: usize| (all[place].0, all[place].1, all[place].2, None);
    assert_eq!(list(&app, post).await, [gap(0), gap(1), all[2].clone()]);
    assert_eq!(comment_count(&app, post).await, 1, "gaps are not counted");
    // The comment of somebody who is blocked is gone for as long as the block lasts.
    app.deliver("user", &[user(2, 2, "bob", true)]).await;
    assert_eq!(list(&app, post).await, [gap(0), gap(1)]);
    answer(&app, post, json!(ids[2]), (3, "cid")).await.is_problem(422, "");
    app.deliver("user", &[user(2, 3, "bob", false)]).await;
    assert_eq!(list(&app, post).await, [gap(0), gap(1), all[2].clone()]);
    app.eventually(async || comment_count(&app, post).await == 1, "bob's comment to be counted again").await;
    app.finish().await;
}

#[tokio::test]
async fn the_states_name_the_people_above() {
    let app = spawn().await;
    let post = post_of_ann(&app).await;
    let first = answer(&app, post, Value::Null, (2, "bob")).await.json["comment"]["id"].clone();
    let second = answer(&app, post, first.clone(), (3, "cid")).await.json["comment"]["id"].clone();
    answer(&app, post, second.clone(), (2, "bob")).await;
    app.post(&format!("/posts/{post}/likes"), Value::Null).as_user(3, "cid").send().await;
    let events = app.events().await;
    let states = |stream: &str| -> Vec<Value> {
        events.iter().filter(|(name, _)| name == stream).map(|(_, state)| state.clone()).collect()
    };
    let comments = states("comment");
    let above: Vec<(&Value, &Value, &Value)> =
        comments.iter().map(|state| (&state["post_author_id"], &state["reply_to"], &state["answered"])).collect();
    let ann = json!(1);
    assert_eq!(
        above,
        [(&ann, &Value::Null, &Value::Null), (&ann, &first, &json!([2])), (&ann, &second, &json!([2, 3]))]
    );
    let like = &states("like")[0];
    assert_eq!((&like["post_author_id"], &like["created_at"]), (&ann, &json!("2026-03-01T12:00:00.000000Z")));
    app.finish().await;
}

#[tokio::test]
async fn mentions_and_hashtags_are_found_in_posts_and_comments() {
    let app = spawn().await;
    let content = "Grüße @bob, zum #Fest!";
    let sent = app.post("/posts", json!({ "title": "@nobody", "content": content })).as_user(1, "ann").send().await;
    let entities = json!([
        { "type": "mention", "text": "bob", "start": 6, "end": 10, "byte_start": 8, "byte_end": 12 },
        { "type": "hashtag", "text": "Fest", "start": 16, "end": 21, "byte_start": 18, "byte_end": 23 },
    ]);
    assert_eq!(sent.json["post"]["entities"], entities);
    let id = sent.json["post"]["id"].as_i64().unwrap();
    assert_eq!(app.get(&format!("/posts/{id}")).send().await.json["entities"], entities);
    let body = json!({ "content": content });
    let comment = app.post(&format!("/posts/{id}/comments"), body).as_user(1, "ann").send().await;
    assert_eq!(comment.json["comment"]["entities"], entities);
    let many = "#tag ".repeat(2_000);
    let changed = app.patch(&format!("/posts/{id}"), json!({ "content": many })).as_user(1, "ann").send().await;
    assert_eq!(changed.json["post"]["entities"].as_array().unwrap().len(), 100);
    app.finish().await;
}
