//! The archive of a person's data in one process, where auth asks the other services without a network.

use std::io::{Cursor, Read};

use reqwest::Method;
use serde_json::{Value, json};

use crate::running::Suite;

#[tokio::test]
async fn the_archive_has_what_a_person_did_in_all_services() {
    let data = tempfile::tempdir().unwrap();
    let suite = Suite::start(data.path()).await;
    let (ann, token) = suite.register("ann").await;
    let (bob, others) = suite.register("bob").await;
    let post = suite.post(&token, "A zebra").await;
    suite.comment(&token, post).await;
    suite.make(Method::POST, &format!("/posts/{post}/likes"), &token, None).await;
    suite.wait_until_copies_agree().await;
    suite.make(Method::POST, &format!("/subscribe/{bob}"), &token, None).await;
    suite.make(Method::POST, &format!("/subscribe/{ann}"), &others, None).await;
    let there = async || suite.call(Method::GET, "/auth/me/export", Some(&token), None).await.0 == 200;
    suite.eventually("the archive", there).await;
    let bytes = suite.download("/auth/me/export", &token).await;
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut rows = |name: &str| -> Value {
        let mut text = String::new();
        zip.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    assert_eq!(rows("auth/account.json")[0]["username"], "ann");
    assert_eq!(rows("posts/posts.json")[0]["title"], "A zebra");
    assert_eq!(rows("posts/comments.json")[0]["post_id"], post);
    assert_eq!(rows("subscriptions/following.json")[0]["user_id"], bob);
    assert_eq!(rows("subscriptions/followers.json")[0]["user_id"], bob);
    assert_eq!(rows("recommendations/likes.json"), json!([{ "post_id": post }]));
    assert_eq!(rows("admin/decisions.json"), json!([]));
    assert_eq!(suite.call(Method::GET, "/internal/posts/export", Some(&token), None).await.0, 401);
}
