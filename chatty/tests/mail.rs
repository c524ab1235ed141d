//! `chatty mail`: the operator lists, sends again and deletes mails that could not be delivered.
#![expect(clippy::unwrap_used, reason = "a test that meets what it did not expect fails")]

use std::path::Path;
use std::process::Command;

use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use shared::clock::Clock;
use shared::config::{Env, Settings};
use shared::work::Db;

/// Runs `chatty mail` on a data folder. Returns the exit code and standard output.
fn mail(data: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatty"));
    let output = command.arg("mail").args(arguments).env_clear().env("CHATTY_DATA_DIR", data).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// Creates auth's database in a data folder, with one mail in each of these states.
async fn create_mails(data: &Path, states: &[&str]) -> Db {
    let env = Env::of([("CHATTY_DATA_DIR", data.to_str().unwrap())]);
    let db = Db::open(&Settings::from_env(&env, 8080).unwrap(), auth::NAME, Clock::system()).await.unwrap();
    db.migrate(auth::schema()).await.unwrap();
    for (index, state) in states.iter().enumerate() {
        let tx = db.begin().await.unwrap();
        let sql = format!(
            "INSERT INTO mail_jobs (user_id, kind, to_address, to_key, subject, text, html, state, attempts, due_at, last_error, created_at)
             VALUES ({index}, 'already_registered', 'p{index}@a.example', '', 's', 'secret text', '', '{state}', 9,
                     '2026-03-01 12:00:00+00:00', '550 no', '2026-03-01 12:00:00+00:00')"
        );
        tx.execute_raw(Statement::from_string(tx.get_database_backend(), sql)).await.unwrap();
        tx.commit().await.unwrap();
    }
    db
}

#[tokio::test]
async fn parked_mails_are_listed_sent_again_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    create_mails(data, &["parked", "queued", "parked", "sent", "parked"]).await.close().await;
    let (code, listed) = mail(data, &["list"]);
    assert_eq!((code, listed.lines().count()), (Some(0), 3), "{listed}");
    assert!(listed.contains("p0@a.example") && listed.contains("550 no") && !listed.contains("secret text"));
    let (_, listed) = mail(data, &["list", "--json"]);
    let listed: Vec<Value> = serde_json::from_str(&listed).unwrap();
    let ids: Vec<String> = listed.iter().map(|mail| mail["id"].to_string()).collect();
    assert_eq!(ids, ["1", "3", "5"]);
    assert!(listed.iter().all(|mail| mail.get("text").is_none()));

    assert_eq!(mail(data, &["redrive", "3", "2"]), (Some(0), "1 mails are sent again\n".to_owned()));
    let (_, done) = mail(data, &["drop", "5", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&done).unwrap(), json!({ "dropped": 1 }));
    let (_, done) = mail(data, &["redrive", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&done).unwrap(), json!({ "queued": [1], "outdated": [] }));
    assert_eq!(mail(data, &["list"]), (Some(0), "No parked mails.\n".to_owned()));
    assert_eq!(mail(data, &["list", "--json"]).1.trim(), "[]");
}

#[test]
fn help_has_an_example_and_a_missing_folder_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    for command in ["list", "redrive", "drop"] {
        let (code, help) = mail(folder.path(), &[command, "--help"]);
        assert!(code == Some(0) && help.contains("Example:\n  chatty mail"), "{help}");
        assert_eq!(mail(folder.path(), &[command]).0, Some(1), "{command}");
        assert_eq!(mail(folder.path(), &[command, "x"]).0, Some(2), "{command}");
    }
}
