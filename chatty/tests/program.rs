//! Tests of the program as a user starts it: its command line, the settings that it refuses, and the address at which
//! its commands find the suite.
#![expect(clippy::unwrap_used, reason = "a test that meets what it did not expect fails")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use testkit::program::{check_command_line, check_refused, run};

fn chatty() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_chatty"))
}

#[test]
fn the_program_tells_its_version_and_its_settings() {
    let words = ["demo", "CHATTY_LISTEN", "SMTP_URL", "MEDIA_URL", "FEED_MAX_POSTS", "RECOMMENDATIONS_DATABASE_URL"];
    check_command_line(chatty(), &words).unwrap();
}

/// A command that uses the API finds the running suite by the same settings by which the suite chose its address.
#[test]
fn every_command_finds_the_suite_by_its_settings() {
    for (listen, env) in [
        ("127.0.0.1", vec![]),
        ("0.0.0.0", vec![("CHATTY_BEHIND_GATEWAY", "yes"), ("PUBLIC_URL", "https://chatty.invalid")]),
        ("[::1]", vec![]),
    ] {
        let suite = TcpListener::bind(format!("{listen}:0")).unwrap();
        let address = suite.local_addr().unwrap().to_string();
        let asked = thread::spawn(move || first_request(&suite));
        let env: Vec<_> = env.into_iter().chain([("CHATTY_LISTEN", address.as_str())]).collect();
        let ended = run(chatty(), &["demo"], &env).unwrap();
        let complaint = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(complaint.contains("no suite, only a test"), "{complaint}");
        assert!(asked.join().unwrap().starts_with("POST /auth/register "));
    }
    // The five services are reached through their gateway, at the public URL.
    let gateway = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", gateway.local_addr().unwrap());
    let asked = thread::spawn(move || first_request(&gateway));
    run(chatty(), &["demo"], &[("PUBLIC_URL", &url), ("AUTH_DATABASE_URL", "postgres://auth@127.0.0.1:1/auth")])
        .unwrap();
    assert!(asked.join().unwrap().starts_with("POST /auth/register "));
}

/// Answers the first request with a refusal, and returns the beginning of the request.
fn first_request(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let mut begin = [0; 64];
    let read = stream.read(&mut begin).unwrap();
    let answer = "HTTP/1.1 400 Bad Request\r\ncontent-length: 21\r\nconnection: close\r\n\r\nno suite, only a test";
    stream.write_all(answer.as_bytes()).unwrap();
    String::from_utf8_lossy(begin.get(..read).unwrap()).into_owned()
}

/// A setting that no waiting can make valid ends the start, and the error names the variable.
#[test]
fn every_setting_that_can_never_work_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("file"));
    std::fs::write(&file, "no key").unwrap();
    let (data, file) = (data.to_str().unwrap(), file.to_str().unwrap());
    let (below, no_media) = (format!("{file}/below"), format!("file://{file}/media"));
    for (name, value) in [
        ("CHATTY_ENV", "prod"),
        ("CHATTY_LISTEN", "127.0.0.1"),
        ("CHATTY_SOCKET", below.as_str()),
        ("CHATTY_DATA_DIR", below.as_str()),
        ("CHATTY_DATA_DIR", file),
        ("PUBLIC_URL", "chatty.example"),
        ("DATABASE_URL", "postgres://x@127.0.0.1:1/x?sslmode=require"),
        ("AMQP_URL", "amqp://127.0.0.1:1/%2f?hartbeat=1"),
        ("AUTH_JWKS_URL", "jwks.json"),
        // These are valid for a service in a process of its own, and would have no effect in one process.
        ("DATABASE_URL", "postgres://x@127.0.0.1:1/x"),
        ("AMQP_URL", "amqp://127.0.0.1:1/%2f"),
        ("AUTH_JWKS_URL", "http://127.0.0.1:1/keys"),
        ("CHATTY_BEHIND_GATEWAY", "perhaps"),
        ("OUTBOX_MAX_ROWS", "many"),
        ("CACHE_MAX_MIB", "-1"),
        ("FEED_MAX_POSTS", "all"),
        ("JWT_PRIVATE_KEY_FILE", file),
        ("JWT_PRIVATE_KEY_FILE", below.as_str()),
        ("MEDIA_URL", "s3://bucket"),
        ("MEDIA_URL", no_media.as_str()),
        ("SMTP_URL", "http://mail.example.org"),
        ("SMTP_URL", "smtp://mail.example.org?tsl=none"),
        ("MAIL_FROM", "nobody"),
        ("SENTRY_DSN", "sentry.example.org"),
        ("RUST_LOG", "info,sqlx=loud"),
        ("RATE_LIMIT", "perhaps"),
        ("TRUSTED_PROXIES", "nginx"),
    ] {
        let rest = [("CHATTY_LISTEN", "127.0.0.1:0"), ("CHATTY_DATA_DIR", data)];
        let env: Vec<_> = rest.into_iter().filter(|(other, _)| *other != name).chain([(name, value)]).collect();
        check_refused(chatty(), &env, name).unwrap();
    }
    // A command names the variable of the service, not `DATABASE_URL`.
    let url = "postgres://x@127.0.0.1:1/x?sslmode=require";
    let ended = run(chatty(), &["reconcile"], &[("CHATTY_DATA_DIR", data), ("AUTH_DATABASE_URL", url)]).unwrap();
    let complaint = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success() && complaint.contains("AUTH_DATABASE_URL: "), "{complaint}");
}
