//! Likes and views, one by one and many at once.

use serde_json::json;

use crate::{post_of_ann, spawn, user};

#[tokio::test]
async fn a_like_counts_once_however_often_it_is_given() {
    let app = spawn().await;
    let id = post_of_ann(&app).await;
    app.deliver("user", &[user(2, 1, "bob", false)]).await;
    let path = format!("/posts/{id}/likes");
    for _ in 0..2 {
        let answer = app.post(&path, json!(null)).as_user(2, "bob").send().await;
        assert_eq!((answer.status, answer.json), (200, json!({ "message": "Post liked" })));
    }
    assert_eq!(app.post(&path, json!(null)).as_user(1, "ann").send().await.status, 200, "one's own post may be liked");
    assert_eq!(app.get(&format!("/posts/{id}")).send().await.json["like_count"], 2);
    let list = app.get(&path).send().await.json;
    assert_eq!(
        list,
        json!({ "likes": [{ "id": 2, "username": "bob", "avatar_url": "/users/2/avatar" }, { "id": 1, "username": "ann", "avatar_url": "/users/1/avatar" }], "next": null })
    );
    let liked = app.get(&format!("/likes?post_id=9,{id}")).as_user(2, "bob").send().await;
    assert_eq!(liked.json, json!({ "post_ids": [id] }));

    let answer = app.delete(&path).as_user(2, "bob").send().await;
    assert_eq!((answer.status, answer.json), (200, json!({ "message": "Like removed" })));
    app.delete(&path).as_user(2, "bob").send().await.is_problem(404, "Like not found");
    assert_eq!(app.get(&format!("/posts/{id}")).send().await.json["like_count"], 1);
    assert_eq!(app.post(&path, json!(null)).as_user(2, "bob").send().await.status, 200);
    assert_eq!(app.get(&format!("/posts/{id}")).send().await.json["like_count"], 2);
    app.finish().await;
}

#[tokio::test]
async fn hits_from_many_clients_at_once_are_all_counted() {
    let app = spawn().await;
    let id = post_of_ann(&app).await;
    let path = format!("/posts/{id}/views");
    let hits = (0..50).map(|_| app.post(&path, json!(null)).send());
    for answer in futures_util::future::join_all(hits).await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    assert_eq!(app.get(&format!("/posts/{id}")).send().await.json["view_count"], 50);
    app.finish().await;
}
