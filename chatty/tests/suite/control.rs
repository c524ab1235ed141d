//! Commands that the running suite carries out, because no other process can open its files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::running::{Suite, chatty, complaint, no_drift};

/// Runs a command on a data folder, in a working folder.
fn chatty_in(folder: &Path, data: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatty"));
    command.args(words).env_clear().env("CHATTY_DATA_DIR", data).current_dir(folder).stdin(Stdio::null());
    command.output().unwrap()
}

fn create_admin(data: &Path, username: &str, password: &str) -> Output {
    let file = data.join("password");
    fs::write(&file, password).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatty"));
    command.args(["admin", "create", "--username", username]).env_clear().env("CHATTY_DATA_DIR", data);
    command.stdin(fs::File::open(file).unwrap()).output().unwrap()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A command has the same effect and prints the same while the suite runs and while it does not run.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_does_the_same_with_and_without_the_running_suite() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, data) = (folder.path(), folder.path().join("data"));
    let suite = Suite::start(&data).await;
    // SQLite maps no file into memory (docs/adr/0021), and only the owner of the data folder may connect to the socket.
    let names: Vec<_> = fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().ends_with("-shm")), "{names:?}");
    let mode = fs::metadata(data.join("chatty.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let commands = |state: &str| {
        let progress = chatty_in(folder, &data, &["reconcile", "--now", "--metrics", "drift.prom"]);
        assert_eq!(printed(&progress), no_drift() + "\n", "{state}");
        assert_eq!(String::from_utf8_lossy(&progress.stderr), "comparing copies with their owners\n", "{state}");
        assert!(fs::read_to_string(folder.join("drift.prom")).unwrap().contains("projection_drift_rows"));
        fs::remove_file(folder.join("drift.prom")).unwrap();
        assert_eq!(printed(&chatty(&data, &["mail", "list"])), "No parked mails.\n", "{state}");
        assert_eq!(printed(&chatty(&data, &["dead-letters", "list"])), "0 dead letters\n", "{state}");
        let found = chatty(&data, &["doctor", "--json"]).stdout;
        let found: Vec<Value> = serde_json::from_slice(&found).unwrap();
        assert!(
            found.iter().any(|finding| finding["check"] == "outbox of posts" && finding["level"] == "ok"),
            "{state}"
        );
        assert!(printed(&chatty_in(folder, &data, &["backup", state])).starts_with(&format!("{state}: ")));
        assert!(folder.join(state).join("manifest.json").is_file());
        assert!(complaint(&chatty_in(folder, &data, &["backup", state])).contains("exists already"), "{state}");
        assert!(complaint(&chatty(&data, &["rebuild", "nobody"])).contains("`nobody` is not one of"), "{state}");
        assert_eq!(chatty(&data, &["reconcile", "--sometimes"]).status.code(), Some(2), "{state}");
    };
    commands("running");
    assert_eq!(printed(&create_admin(&data, "olga", "a kettle, a ladder")), "Administrator olga created.\n");
    assert_eq!(suite.log_in("olga", "a kettle, a ladder").await.0, 200);
    assert!(complaint(&create_admin(&data, "oleg", "short")).contains("password"));
    suite.wait_until_copies_agree().await;
    // Dropping the suite kills its process, so the socket is left behind.
    drop(suite);
    assert!(data.join("chatty.sock").exists());
    commands("stopped");
    Suite::start(&data).await;
}

/// The path of a socket is limited to about a hundred bytes; the path of a data folder is not.
#[tokio::test(flavor = "multi_thread")]
async fn the_path_of_the_data_folder_may_be_long() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("x".repeat(120)).join("data");
    let _suite = Suite::start(&data).await;
    assert_eq!(printed(&chatty(&data, &["mail", "list"])), "No parked mails.\n");
}

/// A caller that sends nothing, or something other than a command, does not block the commands of others.
#[tokio::test(flavor = "multi_thread")]
async fn invalid_requests_to_the_socket_block_no_command() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let folder = tempfile::tempdir().unwrap();
    let suite = Suite::start(folder.path()).await;
    let connect = async || tokio::net::UnixStream::connect(folder.path().join("chatty.sock")).await.unwrap();
    let mut silent = connect().await;
    for nonsense in ["\n", "{}\n", "\u{0}\n", "{\"words\":[\"serve\"],\"folder\":\"/\",\"secret\":\"\"}\n"] {
        let mut caller = connect().await;
        caller.write_all(nonsense.as_bytes()).await.unwrap();
        let mut answer = String::new();
        caller.read_to_string(&mut answer).await.unwrap();
        assert!(answer.is_empty() || answer.starts_with("{\"ended\":{\"Err\":"), "{answer}");
    }
    suite.wait_until_copies_agree().await;
    silent.write_all(b"x").await.unwrap();
}
