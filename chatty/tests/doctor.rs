//! `chatty doctor`: each kind of problem is found, named and comes with a fix.
#![expect(clippy::unwrap_used, reason = "a test that meets what it did not expect fails")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use shared::services::SERVICES;

/// Runs `chatty doctor` on a data folder with these variables. Returns the exit code and the findings.
fn doctor(data: &Path, env: &[(&str, &str)]) -> (Option<i32>, Vec<Value>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatty"));
    command.args(["doctor", "--json"]).env_clear().env("CHATTY_DATA_DIR", data).envs(env.iter().copied());
    let output = command.output().unwrap();
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
}

/// Returns the variables that give all services a database at this URL.
fn all_databases(url: &str) -> Vec<(&str, &str)> {
    SERVICES.iter().map(|service| (service.database_variable, url)).collect()
}

/// Fails unless a problem contains these words and has a fix.
fn assert_problem(findings: &[Value], words: &str) {
    let problem = findings.iter().find(|finding| {
        finding["level"] == "problem" && format!("{} {}", finding["check"], finding["found"]).contains(words)
    });
    let problem = problem.unwrap_or_else(|| panic!("no problem with `{words}` among {findings:#?}"));
    assert!(problem["fix"].as_str().is_some_and(|fix| !fix.is_empty()), "{problem}");
}

#[test]
fn each_problem_is_named_with_its_fix() {
    let folder = tempfile::tempdir().unwrap();
    let (code, findings) = doctor(folder.path(), &[("CHATTY_ENV", "prod")]);
    assert_eq!((code, findings.len()), (Some(1), 1), "without settings there is nothing to look at: {findings:#?}");
    assert_problem(&findings, "CHATTY_ENV");

    let (code, findings) =
        doctor(folder.path(), &[("CHATTY_ENV", "production"), ("PUBLIC_URL", "http://chatty.example")]);
    assert_eq!((code, findings.len()), (Some(1), 1), "{findings:#?}");
    assert_problem(&findings, "PUBLIC_URL: must be https");

    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.path().join("jwt.pem"), "x").unwrap();
    fs::set_permissions(folder.path().join("jwt.pem"), Permissions::from_mode(0o644)).unwrap();
    let env = [
        ("CHATTY_ENV", "production"),
        ("PUBLIC_URL", "https://chatty.example"),
        ("SMTP_URL", "smtp://me:changeme@127.0.0.1:1"),
        ("MAIL_FROM", "Chatty <no-reply@example.org>"),
    ];
    let (code, findings) = doctor(folder.path(), &env);
    assert_eq!(code, Some(1));
    for words in [
        "SMTP_URL is one of the examples",
        "(mode 755)",
        "jwt.pem (mode 644)",
        "holds no database of auth",
        "Connection error",
    ] {
        assert_problem(&findings, words);
    }
}

/// The command ends although no server answers.
#[test]
fn servers_that_are_away_are_problems() {
    let folder = tempfile::tempdir().unwrap();
    let mut env = all_databases("postgres://x:y@127.0.0.1:1/x");
    env.push(("AMQP_URL", "amqp://x:y@127.0.0.1:1/%2f"));
    env.push(("PUBLIC_URL", "http://127.0.0.1:1"));
    let (code, findings) = doctor(folder.path(), &env);
    assert_eq!(code, Some(1));
    assert_problem(&findings, "database of recommendations");
    assert_problem(&findings, "broker");
    assert!(findings.iter().any(|finding| finding["check"] == "gateway" && finding["level"] == "warning"));
}

/// URLs with several hosts, which docs/operations.md allows, are valid, and the password of each host is checked.
#[test]
fn urls_with_several_hosts_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut env = all_databases("postgres://x:changeme@127.0.0.1:1,127.0.0.1:2/x");
    env.push(("AMQP_URL", "amqp://x:random@127.0.0.1:1/%2f,amqp://x:guest@127.0.0.1:2/%2f"));
    env.push(("PUBLIC_URL", "https://127.0.0.1:1"));
    env.push(("CHATTY_ENV", "production"));
    let (_, findings) = doctor(folder.path(), &env);
    let wrong = findings.iter().find(|finding| finding["check"] == "settings" && finding["level"] == "problem");
    assert!(wrong.is_none(), "{wrong:?}");
    assert_problem(&findings, "RECOMMENDATIONS_DATABASE_URL is one of the examples");
    assert_problem(&findings, "AMQP_URL is one of the examples");
}
