//! Tests of the private Postgres: databases that only their role may enter, limits of connections, and the errors that
//! a service sees when an operator or a limit of the server ends its statements.

use std::fs;
use std::process::Output;
use std::time::{Duration, Instant};

use sea_orm::ConnectionTrait;
use shared::clock::Clock;
use shared::config::{Env, Settings};
use shared::db::{Failure, connected_services, read_server};
use shared::work::Db;
use testkit::servers::machine::find_postgres;
use testkit::servers::postgres::Postgres;
use tokio::process::Command;
use tokio::time::timeout;

use super::failover::{insert, insert_when_possible};

/// The limit for everything that a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a statement with psql, and returns the output of psql whatever its exit status is.
async fn query(url: &str, sql: &str) -> Output {
    Command::new(find_postgres().unwrap().join("psql"))
        .args(["-X", "-A", "-t", "-d", url, "-c", sql])
        .output()
        .await
        .unwrap()
}

/// Runs a statement with psql, which must succeed, and returns the rows as text.
pub(super) async fn answer(url: &str, sql: &str) -> String {
    let output = query(url, sql).await;
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_role_owns_its_database_and_enters_no_other() {
    let server = Postgres::start(false).await.unwrap();
    let auth = server.address().create_database("auth", 2, None).await.unwrap();
    let posts = server.address().create_database("posts", 20, None).await.unwrap();

    assert_eq!(answer(&auth, "SELECT current_user").await, "auth");
    answer(&auth, "CREATE TABLE t (id bigint PRIMARY KEY)").await;
    let limit = "SELECT datconnlimit FROM pg_database WHERE datname = current_database()";
    assert_eq!(answer(&posts, limit).await, "20");
    assert_eq!(answer(&server.address().url(), "SHOW fsync").await, "off");

    // The right role and password, but another service's database.
    let foreign = auth.replace("/auth", "/posts").replace("//posts", "//auth");
    assert!(!query(&foreign, "SELECT 1").await.status.success());
    let wrong = auth.replace('@', "x@");
    assert!(!query(&wrong, "SELECT 1").await.status.success());
}

#[tokio::test]
async fn a_durable_server_syncs_and_takes_120_connections() {
    let server = Postgres::start(true).await.unwrap();
    let url = server.address().url();
    assert_eq!(answer(&url, "SHOW fsync").await, "on");
    assert_eq!(answer(&url, "SHOW max_connections").await, "120");
}

#[tokio::test]
async fn dropping_the_server_ends_it_and_removes_its_folder() {
    let server = Postgres::start(false).await.unwrap();
    let url = server.address().url();
    let folder = server.process().spec().folder.clone();
    drop(server);
    assert!(!query(&url, "SELECT 1").await.status.success());
    assert!(!folder.exists());
}

/// Starts a server with a database `posts` and a table `t`. Returns the server, the URL of the role, and the pools that
/// a service would have.
async fn pools() -> (Postgres, String, Db) {
    let server = Postgres::start(false).await.unwrap();
    let url = server.address().create_database("posts", 20, None).await.unwrap();
    answer(&url, "CREATE TABLE t (id bigint PRIMARY KEY)").await;
    let settings = Settings::from_env(&Env::of([("DATABASE_URL", &url)]), 8000).unwrap();
    let db = Db::open(&settings, "posts", Clock::system()).await.unwrap();
    (server, url, db)
}

/// Repeats a query until it returns the rows `wanted`.
async fn eventually(url: &str, sql: &str, wanted: &str) {
    let started = Instant::now();
    while answer(url, sql).await != wanted {
        assert!(started.elapsed() < PATIENCE, "{sql} is not {wanted}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_a_read_only_spell_do_not_outlive_it() {
    let (server, url, db) = pools().await;
    let admin = server.address().url();
    answer(&admin, "ALTER DATABASE posts SET default_transaction_read_only = on").await;
    // The sessions that begin now are read-only as long as they live, so the pools have to close them.
    let relayed = async |id: i64| db.relay().execute_unprepared(&format!("INSERT INTO t VALUES ({id})")).await;
    for _ in 0..3 {
        let error = insert(&db, 1).await.unwrap_err();
        assert_eq!(Failure::of(&error), Failure::ReadOnly, "{error}");
        assert!(relayed(2).await.is_err());
    }
    answer(&admin, "ALTER DATABASE posts RESET default_transaction_read_only").await;
    insert_when_possible(&db, 1).await;
    relayed(2).await.unwrap();
    assert_eq!(answer(&url, "SELECT string_agg(id::text, ' ' ORDER BY id) FROM t").await, "1 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_the_server_ended_is_no_fault_of_the_program() {
    let (server, url, db) = pools().await;
    answer(&server.address().url(), "ALTER ROLE posts SET idle_in_transaction_session_timeout = '20ms'").await;
    let tx = db.begin().await.unwrap();
    eventually(&url, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'chatty-posts'", "0").await;
    let error = tx.execute_unprepared("INSERT INTO t VALUES (1)").await.unwrap_err();
    assert_eq!(Failure::of(&error), Failure::Temporary, "{error}");
    drop(tx);
    insert_when_possible(&db, 2).await;
}

/// If another session holds a lock, a limit of the role ends the wait. The client may repeat its request.
#[tokio::test(flavor = "multi_thread")]
async fn limits_of_the_role_are_no_fault_of_the_program() {
    let (server, url, db) = pools().await;
    answer(&server.address().url(), "ALTER ROLE posts SET lock_timeout = '3ms'").await;
    let other = Settings::from_env(&Env::of([("DATABASE_URL", &url)]), 8000).unwrap();
    let other = Db::open(&other, "other", Clock::system()).await.unwrap();
    let locked = other.begin().await.unwrap();
    locked.execute_unprepared("LOCK TABLE t").await.unwrap();
    let error = insert(&db, 1).await.unwrap_err();
    assert_eq!(Failure::of(&error), Failure::Temporary, "{error}");
    locked.rollback().await.unwrap();
    insert(&db, 1).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_begin_that_nobody_waits_for_leaves_no_transaction_open() {
    let (server, url, db) = pools().await;
    insert(&db, 1).await.unwrap();
    // The begin is cut off at each of many moments. At some of them the BEGIN is on its way to the server.
    for n in 0..300 {
        let begun = timeout(Duration::from_micros(n), db.begin()).await;
        drop(begun);
    }
    insert(&db, 2).await.unwrap();
    let open = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'chatty-posts' AND state <> 'idle'";
    eventually(&url, open, "0").await;
    let log = fs::read_to_string(&server.process().spec().log).unwrap();
    assert!(!log.contains("already a transaction in progress"), "{log}");
}

/// A command of the operator has several connections, and must not take one of its own for a running service.
#[tokio::test(flavor = "multi_thread")]
async fn the_operator_sees_services_and_not_itself() {
    let (_server, url, db) = pools().await;
    let settings = Settings::from_env(&Env::of([("DATABASE_URL", &url)]), 8000).unwrap();
    let operator = Db::open_for_operator(&settings, "posts").await.unwrap();
    // Two statements at once make the operator's pool open a second connection.
    let sleep = async || operator.read().execute_unprepared("SELECT pg_sleep(0.2)").await.unwrap();
    tokio::join!(sleep(), sleep());
    db.close().await;
    eventually(&url, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'chatty-posts'", "0").await;
    assert_eq!(connected_services(operator.read()).await.unwrap(), [""; 0]);
    let seen = read_server(operator.read()).await.unwrap().unwrap();
    assert_eq!((seen.open_here, seen.replicas), (0, 0));

    let service = Db::open(&settings, "posts", Clock::system()).await.unwrap();
    service.ping().await.unwrap();
    assert_eq!(connected_services(operator.read()).await.unwrap(), ["chatty-posts"]);
    assert_eq!(read_server(operator.read()).await.unwrap().unwrap().replicas, 1);
}
