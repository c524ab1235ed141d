//! Files that somebody deletes while the suite has them open.

use std::fs;
use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::running::Suite;

fn delete(data: &Path, file: &str) {
    fs::remove_file(data.join(file)).unwrap();
}

/// Waits until every service has looked at its files: it does so every two seconds.
async fn have_been_seen() {
    tokio::time::sleep(Duration::from_secs(3)).await;
}

/// Posts from before the deletion and from after it are there when the suite was killed and started.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_deleted_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let suite = Suite::start(folder.path()).await;
    let (_, ann) = suite.join("ann").await;
    let before = suite.post(&ann, "before").await;
    have_been_seen().await;
    let logs = ["auth", "posts", "subscriptions", "admin", "recommendations"].map(|name| format!("{name}.db-wal"));
    for log in &logs {
        delete(folder.path(), log);
    }
    suite.eventually("the logs", async || logs.iter().all(|log| folder.path().join(log).exists())).await;
    suite.eventually("readiness", async || suite.get("/readyz", None).await["status"] == "ready").await;
    let after = suite.post(&ann, "after").await;
    drop(suite);

    let suite = Suite::start(folder.path()).await;
    for (id, title) in [(before, "before"), (after, "after")] {
        assert_eq!(suite.get(&format!("/posts/{id}"), None).await["title"], title);
    }
    suite.token("ann").await;
    suite.agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_whose_file_is_deleted_is_filled_again() {
    let folder = tempfile::tempdir().unwrap();
    let suite = Suite::start(folder.path()).await;
    let (_, ann) = suite.join("ann").await;
    let (_, bob) = suite.join("bob").await;
    let post = suite.post(&ann, "a kettle").await;
    suite.make(Method::POST, &format!("/posts/{post}/likes"), &bob, None).await;
    suite.agree().await;
    have_been_seen().await;
    let file = folder.path().join("recommendations.db");
    delete(folder.path(), "recommendations.db");
    delete(folder.path(), "recommendations.db-wal");
    suite.eventually("another file", async || file.exists()).await;
    suite.agree().await;
    suite.eventually("readiness", async || suite.get("/readyz", None).await["status"] == "ready").await;
}

/// Its copies know better, so nothing new is written over what they have.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_whose_file_is_deleted_writes_nothing_until_it_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let suite = Suite::start(folder.path()).await;
    let (_, ann) = suite.join("ann").await;
    suite.post(&ann, "a kettle").await;
    suite.agree().await;
    have_been_seen().await;
    delete(folder.path(), "posts.db");
    let post = json!({ "title": "a ladder", "content": "a ladder" });
    let written = async || suite.call(Method::POST, "/posts", Some(&ann), Some(post.clone())).await;
    let (status, answer) = written().await;
    assert!([503, 504].contains(&status), "it would be gone: {answer}");
    let named = async || suite.get("/readyz?verbose", None).await.to_string().contains("chatty restore");
    suite.eventually("the command's name", named).await;
    let (status, answer) = written().await;
    assert_eq!(status, 503, "{answer}");
}
