//! One's own lists: posts, comments and likes, hidden ones too, and bookmarks.

use serde_json::{Value, json};
use testkit::app::TestApp;

use crate::{post_of_ann, spawn, user};

async fn list(app: &TestApp, path: &str, person: (i64, &str)) -> Value {
    let answer = app.get(path).as_user(person.0, person.1).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json
}

fn ids(list: &Value) -> Vec<i64> {
    list.as_array().unwrap().iter().map(|one| one["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn an_author_reads_what_an_admin_has_removed_and_nobody_else_does() {
    let app = spawn().await;
    app.deliver("user", &[user(1, 1, "ann", false), user(2, 1, "bob", false)]).await;
    let (first, second) = (post_of_ann(&app).await, post_of_ann(&app).await);
    let path = format!("/posts/{first}");
    app.post(&format!("{path}/comments"), json!({ "content": "hers" })).as_user(1, "ann").send().await;
    app.deliver("moderation.post", &[json!({ "id": first, "version": 1, "removed": true })]).await;
    app.deliver("moderation.comment", &[json!({ "id": 1, "version": 1, "removed": true })]).await;

    let own = app.get(&path).as_user(1, "ann").send().await;
    assert_eq!((own.status, &own.json["content"], &own.json["removed"]), (200, &json!("World"), &json!(true)));
    app.get(&path).as_user(2, "bob").send().await.is_problem(404, "Post not found");
    app.get(&path).send().await.is_problem(404, "Post not found");
    app.get(&path).bearer("nonsense").send().await.is_problem(404, "Post not found");
    let posts = list(&app, "/posts/mine", (1, "ann")).await;
    assert_eq!(ids(&posts["posts"]), [second, first]);
    assert_eq!((&posts["posts"][0]["removed"], &posts["posts"][1]["removed"]), (&json!(false), &json!(true)));
    let comments = list(&app, "/comments/mine", (1, "ann")).await;
    assert_eq!(
        (&comments["comments"][0]["content"], &comments["comments"][0]["removed"]),
        (&json!("hers"), &json!(true))
    );
    assert_eq!(list(&app, "/posts/mine", (2, "bob")).await["posts"], json!([]));

    app.delete(&path).as_user(1, "ann").send().await;
    app.get(&path).as_user(1, "ann").send().await.is_problem(404, "Post not found");
    assert_eq!(ids(&list(&app, "/posts/mine?limit=1", (1, "ann")).await["posts"]), [second]);
    app.finish().await;
}

#[tokio::test]
async fn likes_and_bookmarks_of_hidden_posts_show_nothing_of_them() {
    let app = spawn().await;
    app.deliver("user", &[user(1, 1, "ann", false), user(2, 1, "bob", false)]).await;
    let (first, second) = (post_of_ann(&app).await, post_of_ann(&app).await);
    for post in [first, second] {
        app.post(&format!("/posts/{post}/likes"), Value::Null).as_user(2, "bob").send().await;
        let bookmark = format!("/posts/{post}/bookmark");
        for _ in 0..2 {
            let put = app.call(axum::http::Method::PUT, &bookmark, None).as_user(2, "bob").send().await;
            assert_eq!((put.status, put.json), (200, json!({ "message": "Post bookmarked" })));
        }
    }
    let unknown = app.call(axum::http::Method::PUT, "/posts/99/bookmark", None).as_user(2, "bob").send().await;
    unknown.is_problem(404, "Post not found");
    app.deliver("moderation.post", &[json!({ "id": first, "version": 1, "removed": true })]).await;

    let likes = list(&app, "/likes/mine", (2, "bob")).await["likes"].clone();
    assert_eq!((&likes[0]["post_id"], &likes[0]["post"]["title"]), (&json!(second), &json!("Hello")));
    assert_eq!((&likes[1]["post_id"], &likes[1]["post"]), (&json!(first), &Value::Null));
    assert_eq!(ids(&list(&app, "/bookmarks", (2, "bob")).await["posts"]), [second]);
    assert_eq!(list(&app, "/bookmarks", (1, "ann")).await["posts"], json!([]), "nobody else sees them");
    app.deliver("moderation.post", &[json!({ "id": first, "version": 2, "removed": false })]).await;
    // Both have the same time here, so the post decides.
    let page = list(&app, "/bookmarks?limit=1", (2, "bob")).await;
    assert_eq!(ids(&page["posts"]), [second]);
    let rest = format!("/bookmarks?limit=1&cursor={}", page["next"].as_str().unwrap());
    let rest = list(&app, &rest, (2, "bob")).await;
    assert_eq!((ids(&rest["posts"]), &rest["next"]), (vec![first], &Value::Null));
    let remove = async || app.delete(&format!("/posts/{first}/bookmark")).as_user(2, "bob").send().await;
    let gone = remove().await;
    assert_eq!((gone.status, gone.json), (200, json!({ "message": "Bookmark removed" })));
    remove().await.is_problem(404, "Bookmark not found");
    assert_eq!(ids(&list(&app, "/bookmarks", (2, "bob")).await["posts"]), [second]);
    app.finish().await;
}
