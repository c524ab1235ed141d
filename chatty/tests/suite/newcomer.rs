//! A newcomer's day, through the API only: to find somebody, follow, read, answer, be answered and be told of it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::running::Suite;

fn usernames(list: &Value) -> Vec<&str> {
    list["users"].as_array().unwrap().iter().filter_map(|user| user["username"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_finds_follows_reads_answers_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let suite = Suite::start(folder.path()).await;
    let (_, ann) = suite.register("annabel").await;
    let (new, newcomer) = suite.register("newcomer").await;
    let admin = suite.token("admin").await;

    // Three letters suffice to find her.
    let found = suite.get("/users?search=ANN", Some(&newcomer)).await;
    assert_eq!(usernames(&found), ["annabel"]);
    let ann_id = found["users"][0]["id"].as_i64().unwrap();
    let follow =
        async || suite.call(Method::POST, &format!("/subscribe/{ann_id}"), Some(&newcomer), None).await.0 == 200;
    suite.eventually("a subscription", follow).await;
    let told = async |token: &str, kind: &str| {
        let list = suite.get("/notifications", Some(token)).await;
        list["notifications"].as_array().unwrap().iter().find(|one| one["kind"] == kind).cloned()
    };
    suite.eventually("the news of a follower", async || told(&ann, "follow").await.is_some()).await;
    let mut stream = suite.listen(&newcomer).await;
    stream.wait_for("the beginning", |name, _| name == "ready").await;

    // Her next post comes by the stream, is in the feed, and is found by a word and by its hashtag.
    let body = json!({ "title": "Bees", "content": "The #Bees are back on the balcony" });
    let post = suite.make(Method::POST, "/posts", &ann, Some(body)).await["post"]["id"].as_i64().unwrap();
    let shown = stream.wait_for("the post", |name, _| name == "post").await;
    assert_eq!((&shown["id"], &shown["author"]["username"]), (&json!(post), &json!("annabel")));
    let in_feed = async || suite.get("/feed", Some(&newcomer)).await["posts"][0]["id"] == post;
    suite.eventually("the post in the feed", in_feed).await;
    for query in ["/posts?search=balcony", "/posts?tag=bees"] {
        assert_eq!(suite.get(query, None).await["posts"][0]["id"], post, "{query}");
    }

    // The newcomer comments, she answers and mentions, and both are told.
    let comments = format!("/posts/{post}/comments");
    let body = json!({ "content": "Honey, @annabel?" });
    let comment = suite.make(Method::POST, &comments, &newcomer, Some(body)).await["comment"]["id"].clone();
    suite.eventually("the news of a mention", async || told(&ann, "mention").await.is_some()).await;
    let body = json!({ "content": "Soon, @newcomer", "reply_to": comment });
    suite.make(Method::POST, &comments, &ann, Some(body)).await;
    suite.eventually("the news of an answer", async || told(&newcomer, "mention").await.is_some()).await;
    let news = told(&newcomer, "mention").await.unwrap();
    let live = stream.wait_for("the mention", |name, data| name == "notification" && data["kind"] == "mention").await;
    assert_eq!(live, news);
    assert_eq!((&news["users"][0]["username"], &news["post"]["title"]), (&json!("annabel"), &json!("Bees")));
    assert_eq!(suite.get("/notifications/unread_count", Some(&newcomer)).await["unread_count"], 1);
    let read = json!({ "up_to": news["created_at"] });
    suite.make(Method::POST, "/notifications/read", &newcomer, Some(read)).await;
    assert_eq!(suite.get("/notifications/unread_count", Some(&newcomer)).await["unread_count"], 0);

    // What an admin removes is told no more, until it is restored.
    suite.make(Method::DELETE, &format!("/admin/comments/{comment}"), &admin, None).await;
    suite.eventually("the end of the news", async || told(&ann, "mention").await.is_none()).await;
    suite.make(Method::POST, &format!("/admin/comments/{comment}/restore"), &admin, None).await;
    suite.eventually("the news again", async || told(&ann, "mention").await.is_some()).await;
    report_is_resolved_and_undone(&suite, &newcomer, &admin).await;
    suite.wait_until_copies_agree().await;
    let counts = suite.get(&format!("/posts/{post}"), None).await;
    assert_eq!(counts["comment_count"], 2);
    let own = suite.get("/comments/mine", Some(&newcomer)).await;
    let first = own["comments"].as_array().unwrap().last().unwrap();
    assert_eq!((&first["id"], &first["author"]["id"]), (&comment, &json!(new)));
}

/// The newcomer reports the post of a third person. The admin removes it by resolving the case, undoes that, and dismisses
/// the case. The reporter is told each outcome, and the counters agree in the end.
async fn report_is_resolved_and_undone(suite: &Suite, newcomer: &str, admin: &str) {
    let (third, loud) = suite.register("loudmouth").await;
    let post = suite.post(&loud, "BUY NOW").await;
    suite.comment(newcomer, post).await;
    let body = json!({ "post_id": post, "reason": "spam", "text": "Again" });
    // Admin has to hear of the post first.
    let report = async || suite.call(Method::POST, "/reports", Some(newcomer), Some(body.clone())).await.0 == 201;
    suite.eventually("a report", report).await;
    let case = suite.get("/admin/reports?status=open", Some(admin)).await["cases"][0].clone();
    assert_eq!((&case["reported"]["title"], &case["reported"]["author"]["id"]), (&json!("BUY NOW"), &json!(third)));
    let path = format!("/admin/reports/{}", case["id"]);
    let outcome = async || {
        let list = suite.get("/notifications", Some(newcomer)).await;
        let told = list["notifications"].as_array().unwrap().iter().find(|one| one["kind"] == "report").cloned();
        told.map(|one| one["report"]["outcome"].clone())
    };
    let is_shown = async || suite.get(&format!("/posts/{post}"), None).await["comment_count"] == 1;

    let remove = json!({ "action": "remove", "reason": "An advertisement" });
    suite.make(Method::POST, &format!("{path}/resolve"), admin, Some(remove)).await;
    suite.eventually("the news of the outcome", async || outcome().await == Some(json!("acted"))).await;
    suite.eventually("the removal", async || !is_shown().await).await;
    let removed = async || suite.get("/admin/posts?removed=true", Some(admin)).await["posts"][0].clone();
    suite.eventually("the removed post on the desk", async || removed().await["content"]["title"] == "BUY NOW").await;

    suite.make(Method::POST, &format!("{path}/reopen"), admin, None).await;
    suite.eventually("the restored post", is_shown).await;
    suite.eventually("the end of the news", async || outcome().await.is_none()).await;
    suite.make(Method::POST, &format!("{path}/resolve"), admin, Some(json!({ "action": "dismiss" }))).await;
    suite.eventually("the other outcome", async || outcome().await == Some(json!("dismissed"))).await;
}
