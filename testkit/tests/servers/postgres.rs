//! Postgres: databases that only their role may enter, and the limit of connections.

use std::process::Output;

use testkit::servers::machine::find_postgres;
use testkit::servers::postgres::Postgres;
use tokio::process::Command;

async fn query(url: &str, sql: &str) -> Output {
    Command::new(find_postgres().unwrap().join("psql"))
        .args(["-X", "-A", "-t", "-d", url, "-c", sql])
        .output()
        .await
        .unwrap()
}

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
