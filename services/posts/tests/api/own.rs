//! Deleting one's own things: possible as long as they exist, also while they are hidden, and final.

use serde_json::{Value, json};
use testkit::app::TestApp;

use crate::{post_of_ann, spawn, user};

fn decision(id: i64, version: i64, removed: bool) -> Value {
    json!({ "id": id, "version": version, "removed": removed })
}

/// Hides a post of ann (user 1) by a removal or by a block of ann, or makes it visible again.
async fn hide(app: &TestApp, way: &str, post: i64, hidden: bool) {
    let version = if hidden { 2 } else { 3 };
    match way {
        "removed" => app.deliver("moderation.post", &[decision(post, version, hidden)]).await,
        _ => {
            let mut state = user(1, version, "ann", hidden);
            state["session_version"] = json!(0);
            app.deliver("user", &[state]).await;
        }
    }
}

#[tokio::test]
async fn own_comments_and_likes_go_while_the_post_is_hidden_and_stay_gone() {
    for way in ["removed", "its author blocked"] {
        let app = spawn().await;
        app.deliver("user", &[user(1, 1, "ann", false), user(2, 1, "bob", false), user(3, 1, "cid", false)]).await;
        let post = post_of_ann(&app).await;
        let (path, likes) = (format!("/posts/{post}/comments"), format!("/posts/{post}/likes"));
        for (id, name) in [(2, "bob"), (3, "cid")] {
            app.post(&path, json!({ "content": "x" })).as_user(id, name).send().await;
            app.post(&likes, Value::Null).as_user(id, name).send().await;
        }
        hide(&app, way, post, true).await;
        app.get(&format!("/posts/{post}")).send().await.is_problem(404, "Post not found");
        // The things of others are hidden with the post, and nobody can add anything to it.
        for call in [
            app.delete(&format!("{path}/2")).as_user(2, "bob"),
            app.patch(&format!("{path}/1"), json!({ "content": "y" })).as_user(2, "bob"),
            app.post(&path, json!({ "content": "x" })).as_user(2, "bob"),
            app.post(&likes, Value::Null).as_user(2, "bob"),
            app.delete(&likes).as_user(4, "dee"),
        ] {
            call.send().await.is_problem(404, "Post not found");
        }
        let answer = app.delete(&format!("{path}/1")).as_user(2, "bob").send().await;
        assert_eq!((answer.status, answer.json), (200, json!({ "message": "Comment deleted" })), "{way}");
        let answer = app.delete(&likes).as_user(2, "bob").send().await;
        assert_eq!((answer.status, answer.json), (200, json!({ "message": "Like removed" })), "{way}");
        // The second deletion finds nothing.
        app.delete(&format!("{path}/1")).as_user(2, "bob").send().await.is_problem(404, "Post not found");
        app.delete(&likes).as_user(2, "bob").send().await.is_problem(404, "Post not found");
        hide(&app, way, post, false).await;
        let shown = app.get(&format!("/posts/{post}")).send().await.json;
        assert_eq!((&shown["like_count"], &shown["comment_count"]), (&json!(1), &json!(1)), "{way}");
        assert_eq!(app.get(&path).send().await.json["comments"][0]["id"], 2);
        assert_eq!(
            app.get(&likes).send().await.json["likes"],
            json!([{ "id": 3, "username": "cid", "avatar_url": "/users/3/avatar" }])
        );
        app.finish().await;
    }
}

#[tokio::test]
async fn an_own_comment_goes_while_it_is_removed_and_stays_gone() {
    let app = spawn().await;
    let post = post_of_ann(&app).await;
    let path = format!("/posts/{post}/comments");
    app.post(&path, json!({ "content": "x" })).as_user(2, "bob").send().await;
    app.deliver("moderation.comment", &[decision(1, 1, true)]).await;
    let one = format!("{path}/1");
    app.delete(&one).as_user(3, "cid").send().await.is_problem(404, "Comment not found");
    app.patch(&one, json!({ "content": "y" })).as_user(2, "bob").send().await.is_problem(404, "Comment not found");
    app.events().await;
    assert_eq!(app.delete(&one).as_user(2, "bob").send().await.status, 200);
    let events = app.events().await;
    let removed: Vec<(&str, &Value)> =
        events.iter().map(|(stream, state)| (stream.as_str(), &state["removed"])).collect();
    assert_eq!(removed, [("comment", &json!(false))], "nobody can restore it, and no counter changes");
    app.delete(&one).as_user(2, "bob").send().await.is_problem(404, "Comment not found");
    app.deliver("moderation.comment", &[decision(1, 2, false)]).await;
    assert_eq!(app.get(&path).send().await.json["comments"], json!([]));
    assert_eq!(app.get(&format!("/posts/{post}")).send().await.json["comment_count"], 0);
    app.finish().await;
}

#[tokio::test]
async fn an_own_post_goes_while_it_is_removed_and_stays_gone() {
    let app = spawn().await;
    let post = post_of_ann(&app).await;
    let path = format!("/posts/{post}");
    app.deliver("moderation.post", &[decision(post, 1, true)]).await;
    app.delete(&path).as_user(2, "bob").send().await.is_problem(404, "Post not found");
    app.patch(&path, json!({ "title": "x" })).as_user(1, "ann").send().await.is_problem(404, "Post not found");
    app.delete(&path).as_user(1, "ann").header("if-match", "\"1.1\"").send().await.is_problem(412, "");
    let answer = app.delete(&path).as_user(1, "ann").send().await;
    assert_eq!((answer.status, answer.json), (200, json!({ "message": "Post deleted" })));
    app.delete(&path).as_user(1, "ann").send().await.is_problem(404, "Post not found");
    let events = app.events().await;
    let last = &events.last().unwrap().1;
    assert_eq!((&last["version"], &last["deleted"], &last["removed"]), (&json!(3), &json!(true), &json!(false)));
    app.deliver("moderation.post", &[decision(post, 2, false)]).await;
    app.get(&path).send().await.is_problem(404, "Post not found");
    app.finish().await;
}

#[tokio::test]
async fn own_things_on_a_post_that_its_author_deleted_can_be_deleted_too() {
    let app = spawn().await;
    let post = post_of_ann(&app).await;
    let (path, likes) = (format!("/posts/{post}/comments"), format!("/posts/{post}/likes"));
    app.post(&path, json!({ "content": "x" })).as_user(2, "bob").send().await;
    app.post(&likes, Value::Null).as_user(2, "bob").send().await;
    app.delete(&format!("/posts/{post}")).as_user(1, "ann").send().await;
    assert_eq!(app.delete(&format!("{path}/1")).as_user(2, "bob").send().await.status, 200);
    assert_eq!(app.delete(&likes).as_user(2, "bob").send().await.status, 200);
    app.delete(&likes).as_user(2, "bob").send().await.is_problem(404, "Post not found");
    app.finish().await;
}
