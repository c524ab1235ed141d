//! Refusals of a start: a mistake in the configuration that no waiting heals ends a service, which names the variable.
//! A server that is away is no such mistake.

use std::path::{Path, PathBuf};
use std::time::Duration;

use testkit::program::check_refused;
use testkit::servers::postgres::{Postgres, psql};
use testkit::servers::rabbitmq::RabbitMq;
use tokio::process::Command;
use tokio::time::sleep;

/// Returns the path of another program of the suite, which is built beside the test kit's.
fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_testkit")).with_file_name(name)
}

/// Starts posts with these URLs, waits until it ends by itself, and checks that its complaint names the variable.
async fn check_posts_refuses(database: &str, broker: &str, variable: &'static str) {
    let data = tempfile::tempdir().unwrap();
    let env = [
        ("CHATTY_LISTEN", "127.0.0.1:0".to_owned()),
        ("CHATTY_DATA_DIR", data.path().to_str().unwrap().to_owned()),
        // Auth is away as well, which must not hide the mistake.
        ("AUTH_JWKS_URL", "http://127.0.0.1:1/".to_owned()),
        ("DATABASE_URL", database.to_owned()),
        ("AMQP_URL", broker.to_owned()),
    ];
    let ended = tokio::task::spawn_blocking(move || {
        let env: Vec<(&str, &str)> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
        check_refused(&program("posts"), &env, variable)
    });
    ended.await.unwrap().unwrap();
}

/// The URL of a broker that is not running, which alone is no reason to end.
const AWAY: &str = "amqp://127.0.0.1:1/%2f";

#[tokio::test]
async fn a_database_that_lets_nobody_in_ends_the_start() {
    let server = Postgres::start(false).await.unwrap();
    let posts = server.address().create_database("posts", 20, None).await.unwrap();
    let auth = server.address().create_database("auth", 20, None).await.unwrap();
    let named = |name: &str| format!("{}/{name}", posts.rsplit_once('/').unwrap().0);
    for wrong in [
        posts.replace('@', "x@"),
        posts.replace("//posts", "//nobody"),
        named("nothing"),
        // The role of posts may not enter auth's database.
        named(auth.rsplit_once('/').unwrap().1),
        // The server has no TLS, and the other URL has a misspelt option.
        format!("{posts}?sslmode=require"),
        format!("{posts}?sslmode=disable&conect_timeout=3"),
    ] {
        check_posts_refuses(&wrong, AWAY, "DATABASE_URL").await;
    }
}

#[tokio::test]
async fn a_broker_that_lets_nobody_in_ends_the_start() {
    let server = Postgres::start(false).await.unwrap();
    let posts = server.address().create_database("posts", 20, None).await.unwrap();
    let broker = RabbitMq::start().await.unwrap();
    let url = broker.url();
    for wrong in [url.replace("guest@", "x@"), url.replace("%2f", "nothing")] {
        check_posts_refuses(&posts, &wrong, "AMQP_URL").await;
    }
}

/// A server may be started later, and a name may become known later, so a service waits for both.
#[tokio::test]
async fn a_server_that_is_away_is_waited_for() {
    for database in ["postgres://posts@127.0.0.1:1/posts", "postgres://posts@nowhere.invalid/posts"] {
        let data = tempfile::tempdir().unwrap();
        let mut posts = Command::new(program("posts"))
            .env_clear()
            .envs([("CHATTY_LISTEN", "127.0.0.1:0"), ("AUTH_JWKS_URL", "http://nowhere.invalid/")])
            .envs([("DATABASE_URL", database), ("AMQP_URL", "amqp://nowhere.invalid/%2f")])
            .env("CHATTY_DATA_DIR", data.path())
            .stderr(std::process::Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        // Long enough for several tries to connect.
        sleep(Duration::from_secs(4)).await;
        assert!(posts.try_wait().unwrap().is_none(), "{database}");
    }
}

/// A database that has no connection left is busy, which passes. It is no reason for a service to end.
#[tokio::test]
async fn a_temporary_error_is_no_refusal() {
    let server = Postgres::start(false).await.unwrap();
    // A limit of no connections at all is the same as a database that is full.
    let posts = server.address().create_database("posts", 0, None).await.unwrap();
    let error = psql(&posts, "SELECT 1").await.unwrap_err().to_string();
    assert!(error.contains("too many connections"), "{error}");
    let settings = shared::config::Env::of([("DATABASE_URL", posts.as_str())]);
    let settings = shared::config::Settings::from_env(&settings, 1).unwrap();
    let db = shared::work::Db::open(&settings, "posts", shared::clock::Clock::system()).await.unwrap();
    let error = db.ping().await.unwrap_err();
    assert_eq!(shared::db::permanent_refusal(&error), None, "{error}");
}
