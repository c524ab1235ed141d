//! Files of a database that somebody deletes while the suite has them open (docs/adr/0014).

use std::fs;
use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use shared::services::SERVICE_NAMES;

use crate::running::Suite;

fn delete(data: &Path, file: &str) {
    fs::remove_file(data.join(file)).unwrap();
}

/// Waits until every service has checked its files, which it does every two seconds.
async fn wait_for_a_check() {
    tokio::time::sleep(Duration::from_secs(3)).await;
}

/// Posts from before and after the deletion are still there when the suite has been killed and started again.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_deleted_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let suite = Suite::start(folder.path()).await;
    let (_, ann) = suite.register("ann").await;
    let before = suite.post(&ann, "before").await;
    wait_for_a_check().await;
    let logs = SERVICE_NAMES.map(|name| format!("{name}.db-wal"));
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
    suite.wait_until_copies_agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_whose_file_is_deleted_is_filled_again() {
    let folder = tempfile::tempdir().unwrap();
    let suite = Suite::start(folder.path()).await;
    let (_, ann) = suite.register("ann").await;
    let (_, bob) = suite.register("bob").await;
    let post = suite.post(&ann, "a kettle").await;
    suite.make(Method::POST, &format!("/posts/{post}/likes"), &bob, None).await;
    suite.wait_until_copies_agree().await;
    wait_for_a_check().await;
    let file = folder.path().join("recommendations.db");
    delete(folder.path(), "recommendations.db");
    delete(folder.path(), "recommendations.db-wal");
    suite.eventually("another file", async || file.exists()).await;
    suite.wait_until_copies_agree().await;
    suite.eventually("readiness", async || suite.get("/readyz", None).await["status"] == "ready").await;
}

/// The copies in other services still hold the rows that the owner has lost, so the owner must not assign their ids
/// again.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_whose_file_is_deleted_writes_nothing_until_it_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let suite = Suite::start(folder.path()).await;
    let (_, ann) = suite.register("ann").await;
    suite.post(&ann, "a kettle").await;
    suite.wait_until_copies_agree().await;
    wait_for_a_check().await;
    delete(folder.path(), "posts.db");
    let post = json!({ "title": "a ladder", "content": "a ladder" });
    let write = async || suite.call(Method::POST, "/posts", Some(&ann), Some(post.clone())).await;
    let (status, answer) = write().await;
    assert!([503, 504].contains(&status), "the post would be lost: {answer}");
    let named = async || suite.get("/readyz?verbose", None).await.to_string().contains("chatty restore");
    suite.eventually("the command's name", named).await;
    let (status, answer) = write().await;
    assert_eq!(status, 503, "{answer}");
}
