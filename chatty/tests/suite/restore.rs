//! Backups of a running suite, and what comes back of them when some databases are older than others.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Value, json};

use crate::running::{PASSWORD, Suite, chatty, complaint, text};

const FILES: [&str; 5] = ["auth.db", "posts.db", "subscriptions.db", "admin.db", "recommendations.db"];

/// What happened after the older of two backups.
struct Later {
    cara: i64,
    post: i64,
    comment: i64,
}

/// Two backups of a running suite, and what happened between them.
async fn two_backups(folder: &Path) -> Later {
    let suite = Suite::start(&folder.join("data")).await;
    let (ann_id, ann) = suite.join("ann").await;
    let (_, ben) = suite.join("ben").await;
    let first = suite.post(&ann, "First").await;
    suite.make(Method::POST, &format!("/posts/{first}/likes"), &ben, None).await;
    suite.make(Method::POST, &format!("/subscribe/{ann_id}"), &ben, None).await;
    suite.comment(&ben, first).await;
    suite.agree().await;
    suite.back_up(&folder.join("older"));

    let (cara_id, cara) = suite.join("cara").await;
    let change = Some(json!({ "title": "Changed" }));
    suite.make(Method::PATCH, &format!("/posts/{first}"), &ann, change).await;
    suite.make(Method::DELETE, &format!("/posts/{first}/likes"), &ben, None).await;
    let removed = suite.post(&cara, "Second").await;
    suite.make(Method::POST, &format!("/posts/{removed}/likes"), &ben, None).await;
    let comment = suite.comment(&cara, removed).await;
    let admin = suite.token("admin").await;
    suite.agree().await;
    suite.make(Method::DELETE, &format!("/admin/comments/{comment}"), &admin, None).await;
    suite.make(Method::DELETE, &format!("/admin/posts/{removed}"), &admin, None).await;
    suite.make(Method::POST, &format!("/admin/users/{cara_id}/block"), &admin, None).await;
    suite.agree().await;
    suite.back_up(&folder.join("newer"));
    Later { cara: cara_id, post: removed, comment }
}

/// The newer backup, with these databases of the older one.
fn mixed(folder: &Path, name: &str, older: &[&str]) -> PathBuf {
    let to = folder.join(name);
    fs::create_dir_all(to.join("media")).unwrap();
    let manifest = |from: &str| -> Value {
        serde_json::from_slice(&fs::read(folder.join(from).join("manifest.json")).unwrap()).unwrap()
    };
    let (old, mut new) = (manifest("older"), manifest("newer"));
    for entry in new["files"].as_array_mut().unwrap() {
        let file = entry["name"].as_str().unwrap().to_owned();
        let from = if older.contains(&file.as_str()) { "older" } else { "newer" };
        if from == "older" {
            *entry = old["files"].as_array().unwrap().iter().find(|entry| entry["name"] == file).unwrap().clone();
        }
        fs::copy(folder.join(from).join(&file), to.join(&file)).unwrap();
    }
    fs::write(to.join("manifest.json"), new.to_string()).unwrap();
    to
}

/// Restores and starts; everything agrees, and no id is given out anew.
async fn restored(folder: &Path, name: &str, older: &[&str], later: &Later) -> Suite {
    let backup = mixed(folder, name, older);
    let data = folder.join(format!("{name}-data"));
    let output = chatty(&data, &["restore", text(&backup), "--verify"]);
    assert!(output.status.success(), "{name}: {output:?}");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains("15 copies compared, 0 rows differ"), "{name}: {printed}");
    let suite = Suite::start(&data).await;
    let (dora_id, dora) = suite.join("dora").await;
    assert!(dora_id > later.cara, "{name}: somebody got the id of somebody else");
    let post = suite.post(&dora, "Third").await;
    assert!(post > later.post, "{name}: a post got the id of another one");
    assert!(suite.comment(&dora, post).await > later.comment, "{name}: a comment got the id of another one");
    // A pair that the owner has lost begins again, and its copies follow.
    let ben = suite.token("ben").await;
    suite.make(Method::POST, &format!("/posts/{post}/likes"), &ben, None).await;
    suite.agree().await;
    suite
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_that_are_older_than_their_copies_agree_with_them_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let later = two_backups(folder).await;

    let suite = restored(folder, "all", &FILES, &later).await;
    assert_eq!(suite.log_in("cara", PASSWORD).await.0, 401, "she came later");
    drop(suite);

    let suite = restored(folder, "auth", &["auth.db"], &later).await;
    assert_eq!(suite.log_in("cara", PASSWORD).await.0, 401, "she came later");
    assert_eq!(suite.get("/posts/1", None).await["title"], "Changed");
    drop(suite);

    let suite = restored(folder, "posts", &["posts.db"], &later).await;
    let ben = suite.token("ben").await;
    assert_eq!(suite.get("/posts/1", None).await["title"], "First");
    assert_eq!(suite.get("/feed", Some(&ben)).await["posts"][0]["title"], "First", "the copy follows its owner");
    assert_eq!(suite.get("/posts/1", None).await["like_count"], 1);
    drop(suite);

    // Decisions that admin has lost are known where they were applied.
    let suite = restored(folder, "admin", &["admin.db"], &later).await;
    let admin = suite.token("admin").await;
    assert_eq!(suite.log_in("cara", PASSWORD).await.0, 403, "she is blocked");
    let path = |rest: &str| format!("/admin/{rest}");
    suite.make(Method::POST, &path(&format!("users/{}/unblock", later.cara)), &admin, None).await;
    suite.make(Method::POST, &path(&format!("posts/{}/restore", later.post)), &admin, None).await;
    suite.eventually("her return", async || suite.log_in("cara", PASSWORD).await.0 == 200).await;
    suite
        .eventually("her post", async || suite.get(&format!("/posts/{}", later.post), None).await["id"] == later.post)
        .await;
    drop(suite);
}

/// Files that were put back by hand: their owner would give out ids and versions anew.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_was_put_back_without_restore_takes_no_writes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    two_backups(folder).await;
    let data = mixed(folder, "careless", &["posts.db"]);
    let suite = Suite::start_as(&data, "degraded").await;
    let stopped = async || {
        let state = suite.get("/readyz", None).await;
        state["services"]["posts"]["writes"].as_str().is_some_and(|writes| writes.contains("older than its copies"))
    };
    suite.eventually("the posts to be found older", stopped).await;
    let ben = suite.token("ben").await;
    let post = Some(json!({ "title": "Third", "content": "Third" }));
    let (status, answer) = suite.call(Method::POST, "/posts", Some(&ben), post).await;
    assert_eq!((status, answer["code"].as_str()), (503, Some("older_than_copies")), "{answer}");
    let detail = answer["detail"].as_str().unwrap();
    assert!(detail.contains("`chatty restore`") && detail.contains("`chatty reconcile --fix`"), "{detail}");
    assert_eq!(suite.get("/posts/1", None).await["title"], "First", "reads go on");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_whole_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (data, backup) = (folder.join("data"), folder.join("backup"));
    assert!(complaint(&chatty(&data, &["backup", text(&backup)])).contains("recommendations.db is not there"));
    assert!(!backup.exists(), "a half backup has no name");

    let suite = Suite::start(&data).await;
    suite.back_up(&backup);
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(complaint(&chatty(&data, &["backup", text(&backup)])).contains("exists already"));
    assert!(complaint(&chatty(&data, &["restore", text(&backup)])).contains("another chatty is running"));
    drop(suite);
    assert!(complaint(&chatty(&data, &["restore", text(&backup)])).contains("auth.db is there already"));

    let empty = folder.join("empty");
    let refused = |reason: &str| {
        let said = complaint(&chatty(&empty, &["restore", text(&backup)]));
        assert!(said.contains(reason), "{said}");
        let left: Vec<_> = fs::read_dir(&empty).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["chatty.lock"], "nothing was restored");
    };
    let file = backup.join("posts.db");
    let (whole, manifest) = (fs::read(&file).unwrap(), fs::read(backup.join("manifest.json")).unwrap());
    let mut damaged = whole.clone();
    damaged[5_000] ^= 1;
    fs::write(&file, &damaged).unwrap();
    refused("posts.db is damaged");
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    refused("posts.db is damaged");
    fs::remove_file(&file).unwrap();
    refused("posts.db");
    fs::write(&file, &whole).unwrap();
    fs::remove_file(backup.join("manifest.json")).unwrap();
    refused("is no whole backup");
    let outside = String::from_utf8(manifest.clone()).unwrap().replace("\"posts.db\"", "\"../posts.db\"");
    fs::write(backup.join("manifest.json"), outside).unwrap();
    refused("names a file outside of it");
    fs::write(backup.join("manifest.json"), manifest).unwrap();

    // SQLite would replay a log that is left over.
    for name in ["posts.db-wal", "auth.db-shm", "admin.db-journal"] {
        fs::write(empty.join(name), "x").unwrap();
        assert!(complaint(&chatty(&empty, &["restore", text(&backup)])).contains(&format!("{name} is there already")));
        fs::remove_file(empty.join(name)).unwrap();
    }

    // An interrupted restore must not look like an empty suite.
    fs::create_dir(empty.join("restoring")).unwrap();
    for arguments in [&["serve"][..], &["restore", text(&backup)]] {
        assert!(complaint(&chatty(&empty, arguments)).contains("was interrupted"));
    }
    fs::remove_dir(empty.join("restoring")).unwrap();
    fs::write(empty.join("jwt.pem#0"), "half").unwrap();
    assert!(chatty(&empty, &["restore", text(&backup)]).status.success());
    assert_eq!(fs::read(empty.join("jwt.pem")).unwrap(), fs::read(backup.join("jwt.pem")).unwrap());
    assert!(!empty.join("jwt.pem#0").exists(), "a copy that was cut off is replaced");
}
