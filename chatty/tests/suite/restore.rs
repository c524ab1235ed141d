//! Backups of a running suite, and restores in which some databases are older than others.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Value, json};
use shared::services::SERVICE_NAMES;

use crate::running::{PASSWORD, Suite, chatty, complaint, no_drift, text};

/// The ids that the tests look for: given out after the older of two backups, but for the last one.
struct Later {
    /// A person, whom an administrator has blocked.
    cara: i64,
    /// The person's post, which was removed.
    post: i64,
    /// A comment on that post, which was removed too.
    comment: i64,
    /// A post that is in both backups of posts, by eva, who has left.
    of_eva: i64,
}

/// Makes two backups of a running suite, `older` and `newer`. Returns the ids that were given out between them.
async fn make_two_backups(folder: &Path) -> Later {
    let suite = Suite::start(&folder.join("data")).await;
    let (ann_id, ann) = suite.register("ann").await;
    let (_, ben) = suite.register("ben").await;
    let first = suite.post(&ann, "First").await;
    suite.make(Method::POST, &format!("/posts/{first}/likes"), &ben, None).await;
    suite.make(Method::POST, &format!("/subscribe/{ann_id}"), &ben, None).await;
    suite.comment(&ben, first).await;
    let (_, eva) = suite.register("eva").await;
    let of_eva = suite.post(&eva, "Mine").await;
    suite.wait_until_copies_agree().await;
    suite.back_up(&folder.join("older"));

    let (cara_id, cara) = suite.register("cara").await;
    let change = Some(json!({ "title": "Changed" }));
    suite.make(Method::PATCH, &format!("/posts/{first}"), &ann, change).await;
    suite.make(Method::DELETE, &format!("/posts/{first}/likes"), &ben, None).await;
    let removed = suite.post(&cara, "Second").await;
    suite.make(Method::POST, &format!("/posts/{removed}/likes"), &ben, None).await;
    let comment = suite.comment(&cara, removed).await;
    let admin = suite.token("admin").await;
    suite.wait_until_copies_agree().await;
    suite.make(Method::DELETE, &format!("/admin/comments/{comment}"), &admin, None).await;
    suite.make(Method::DELETE, &format!("/admin/posts/{removed}"), &admin, None).await;
    suite.make(Method::POST, &format!("/admin/users/{cara_id}/block"), &admin, None).await;
    suite.make(Method::DELETE, "/auth/me", &eva, Some(json!({ "password": PASSWORD }))).await;
    let is_gone = async || suite.get(&format!("/posts/{of_eva}"), None).await["status"] == 404;
    suite.eventually("the posts of eva to be gone", is_gone).await;
    suite.wait_until_copies_agree().await;
    suite.back_up(&folder.join("newer"));
    Later { cara: cara_id, post: removed, comment, of_eva }
}

/// Makes the backup `name` of the files of the newer backup, except for the files `older`, which are taken from the
/// older one. Returns its folder.
fn mix_backups(folder: &Path, name: &str, older: &[&str]) -> PathBuf {
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

/// Restores a backup of [`mix_backups`] and starts the suite on it. All copies must agree with their owners, and no id
/// may be given out again.
async fn restore_mixed(folder: &Path, name: &str, older: &[&str], later: &Later) -> Suite {
    let backup = mix_backups(folder, name, older);
    let data = folder.join(format!("{name}-data"));
    let output = chatty(&data, &["restore", text(&backup), "--verify"]);
    assert!(output.status.success(), "{name}: {output:?}");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(printed.contains(&no_drift()), "{name}: {printed}");
    let suite = Suite::start(&data).await;
    let (dora_id, dora) = suite.register("dora").await;
    assert!(dora_id > later.cara, "{name}: somebody got the id of somebody else");
    let post = suite.post(&dora, "Third").await;
    assert!(post > later.post, "{name}: a post got the id of another one");
    assert!(suite.comment(&dora, post).await > later.comment, "{name}: a comment got the id of another one");
    // A like that the service `posts` may have lost is given again, with a version that the copies accept.
    let ben = suite.token("ben").await;
    suite.make(Method::POST, &format!("/posts/{post}/likes"), &ben, None).await;
    suite.wait_until_copies_agree().await;
    suite
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_that_are_older_than_their_copies_agree_with_them_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let later = make_two_backups(folder).await;

    let files = SERVICE_NAMES.map(|name| format!("{name}.db"));
    let files = files.each_ref().map(String::as_str);
    let suite = restore_mixed(folder, "all", &files, &later).await;
    assert_eq!(suite.log_in("cara", PASSWORD).await.0, 401, "the account is younger than this backup of auth");
    assert_eq!(suite.log_in("eva", PASSWORD).await.0, 200, "no database of this backup knows that she has left");
    drop(suite);

    let suite = restore_mixed(folder, "auth", &["auth.db"], &later).await;
    assert_eq!(suite.log_in("cara", PASSWORD).await.0, 401, "the account is younger than this backup of auth");
    assert_eq!(suite.log_in("eva", PASSWORD).await.0, 401, "the copies know that she has left");
    assert_eq!(suite.get("/posts/1", None).await["title"], "Changed");
    drop(suite);

    let suite = restore_mixed(folder, "posts", &["posts.db"], &later).await;
    let ben = suite.token("ben").await;
    assert_eq!(suite.get("/posts/1", None).await["title"], "First");
    assert_eq!(suite.get("/feed", Some(&ben)).await["posts"][0]["title"], "First", "the copy follows its owner");
    assert_eq!(suite.get("/posts/1", None).await["like_count"], 1);
    let of_eva = format!("/posts/{}", later.of_eva);
    let is_gone = async || suite.get(&of_eva, None).await["status"] == 404;
    suite.eventually("the posts of eva to be gone again", is_gone).await;
    drop(suite);

    // The decisions that admin has lost are taken back from auth and posts, which have applied them.
    let suite = restore_mixed(folder, "admin", &["admin.db"], &later).await;
    let admin = suite.token("admin").await;
    assert_eq!(suite.log_in("cara", PASSWORD).await.0, 403, "the account is blocked");
    let path = |rest: &str| format!("/admin/{rest}");
    suite.make(Method::POST, &path(&format!("users/{}/unblock", later.cara)), &admin, None).await;
    suite.make(Method::POST, &path(&format!("posts/{}/restore", later.post)), &admin, None).await;
    suite.eventually("the account to be unblocked", async || suite.log_in("cara", PASSWORD).await.0 == 200).await;
    suite
        .eventually("the post to be restored", async || {
            suite.get(&format!("/posts/{}", later.post), None).await["id"] == later.post
        })
        .await;
    drop(suite);
}

/// The files were copied back by hand, so posts would give out ids and versions a second time.
#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_was_put_back_without_restore_takes_no_writes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    make_two_backups(folder).await;
    let data = mix_backups(folder, "careless", &["posts.db"]);
    let suite = Suite::start_as(&data, "degraded").await;
    let refuses_writes = async || {
        let state = suite.get("/readyz", None).await;
        state["services"]["posts"]["writes"].as_str().is_some_and(|writes| writes.contains("older than its copies"))
    };
    suite.eventually("the posts to be found older", refuses_writes).await;
    let ben = suite.token("ben").await;
    let post = Some(json!({ "title": "Third", "content": "Third" }));
    let (status, answer) = suite.call(Method::POST, "/posts", Some(&ben), post).await;
    assert_eq!((status, answer["code"].as_str()), (503, Some("older_than_copies")), "{answer}");
    let detail = answer["detail"].as_str().unwrap();
    assert!(detail.contains("`chatty restore`") && detail.contains("`chatty reconcile --fix`"), "{detail}");
    assert_eq!(suite.get("/posts/1", None).await["title"], "First", "reads go on");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_backup_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (data, backup) = (folder.join("data"), folder.join("backup"));
    assert!(complaint(&chatty(&data, &["backup", text(&backup)])).contains(".db is not there"));
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
    refused("is not a complete backup");
    let outside = String::from_utf8(manifest.clone()).unwrap().replace("\"posts.db\"", "\"../posts.db\"");
    fs::write(backup.join("manifest.json"), outside).unwrap();
    refused("names a file outside of it");
    fs::write(backup.join("manifest.json"), manifest).unwrap();

    // SQLite would replay a write-ahead log or journal that is left over into the restored database.
    for name in ["posts.db-wal", "auth.db-shm", "admin.db-journal"] {
        fs::write(empty.join(name), "x").unwrap();
        assert!(complaint(&chatty(&empty, &["restore", text(&backup)])).contains(&format!("{name} is there already")));
        fs::remove_file(empty.join(name)).unwrap();
    }

    // A start after an interrupted restore must not create empty databases.
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
