//! Tests of transactions on a bad disk under SQLite.
//!
//! An acknowledgement must mean a commit that SQLite itself has made, whatever failed before (ADR 13).

use std::path::Path;
use std::time::{Duration, Instant};

use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use tokio::time::sleep;

use super::*;
use crate::config::Env;
use crate::db::{Failure, Refusal, Trouble};
use crate::disk;
use crate::outbox::Migration;
use crate::tasks::Cancel;

/// The longest time that a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(20);

struct Migrations;

impl sea_orm_migration::MigratorTrait for Migrations {
    fn migrations() -> Vec<Box<dyn sea_orm_migration::MigrationTrait>> {
        vec![Box::new(Migration)]
    }
}

async fn open(folder: &Path) -> Db {
    let env = Env::of([("CHATTY_DATA_DIR", folder.to_str().unwrap())]);
    let db = Db::open(&Settings::from_env(&env, 1).unwrap(), "test", Clock::system()).await.unwrap();
    db.migrate(Schema::of::<Migrations>()).await.unwrap();
    let table = "CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT UNIQUE)";
    db.relay().execute_unprepared(table).await.unwrap();
    db
}

/// Stores a note of 1 KiB, and returns its id.
async fn note(db: &Db, name: &str) -> Result<i64, DbErr> {
    let tx = db.begin_in_reserve().await?;
    let mut insert = Query::insert();
    insert.into_table("notes").columns(["text"]).values([Expr::val(format!("{name} {}", "x".repeat(1_024)))]).unwrap();
    insert.returning_col("id");
    let id = tx.query_one(&insert).await?.unwrap().try_get("", "id").unwrap();
    match tx.commit().await {
        Ok(()) => Ok(id),
        Err(CommitError::Refused(error) | CommitError::Unknown(error)) => Err(error),
    }
}

async fn ids(db: &Db) -> Vec<i64> {
    let mut select = Query::select();
    select.column("id").from("notes").order_by_expr(Expr::col("id"), sea_orm::Order::Asc);
    let rows = db.read().query_all(&select).await.unwrap();
    rows.iter().map(|row| row.try_get("", "id").unwrap()).collect()
}

async fn number(db: &Db, pragma: &str) -> i64 {
    let sql = Statement::from_string(DatabaseBackend::Sqlite, format!("PRAGMA {pragma}"));
    let row = db.relay().query_one_raw(sql).await.unwrap().unwrap();
    row.try_get_by_index::<i32>(0).unwrap().into()
}

/// Forbids the file to grow, so that SQLite answers as on a full disk. The limit belongs to the writer's open
/// connection.
async fn fill(db: &Db) {
    let pages = number(db, "page_count").await;
    db.relay().execute_unprepared(&format!("PRAGMA max_page_count = {pages}")).await.unwrap();
}

/// Writes until the disk is full, and returns the ids of the acknowledged notes.
async fn write_until_full(db: &Db) -> Vec<i64> {
    fill(db).await;
    let mut acknowledged = Vec::new();
    loop {
        match note(db, &format!("filling {}", acknowledged.len())).await {
            Ok(id) => acknowledged.push(id),
            Err(error) => {
                assert_eq!(Failure::of(&error), Failure::DiskFull, "{error}");
                return acknowledged;
            }
        }
    }
}

#[tokio::test]
async fn what_is_acknowledged_after_a_full_disk_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path()).await;
    let mut acknowledged = write_until_full(&db).await;
    for n in 0..5 {
        acknowledged.push(note(&db, &format!("later {n}")).await.unwrap());
    }
    assert_eq!(ids(&db).await, acknowledged);
    // A second opener sees the same rows, so nothing is waiting for the first one to commit it.
    assert_eq!(ids(&open(folder.path()).await).await, acknowledged);
    db.close().await;
}

#[tokio::test]
async fn a_transaction_that_sqlite_has_rolled_back_itself_spoils_none_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path()).await;
    for dropped in [true, false] {
        let tx = db.begin().await.unwrap();
        // SQLite rolls back by itself like this after some errors, and sqlx goes on counting one transaction.
        tx.execute_unprepared("ROLLBACK").await.unwrap();
        if dropped {
            drop(tx);
        } else {
            assert!(tx.commit().await.is_err());
        }
        let before = ids(&db).await.len();
        note(&db, &format!("after it {dropped}")).await.unwrap();
        assert_eq!(ids(&db).await.len(), before + 1, "dropped: {dropped}");
    }
    db.close().await;
}

#[tokio::test]
async fn a_transaction_that_is_still_open_is_not_given_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path()).await;
    let tx = db.begin().await.unwrap();
    // Unknown to sqlx, its transaction is ended and another one is begun. What sqlx then rolls back is the other one.
    tx.execute_unprepared("COMMIT").await.unwrap();
    tx.execute_unprepared("BEGIN").await.unwrap();
    tx.execute_unprepared("SAVEPOINT _sqlx_savepoint_1").await.unwrap();
    drop(tx);
    note(&db, "after it").await.unwrap();
    assert_eq!(ids(&db).await, [1]);
    assert_eq!(ids(&open(folder.path()).await).await, [1]);
    db.close().await;
}

#[tokio::test]
async fn a_violated_constraint_costs_no_connection() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path()).await;
    note(&db, "once").await.unwrap();
    // A temporary table lives as long as its connection, so it shows whether the connection was closed.
    db.relay().execute_unprepared("CREATE TEMP TABLE here (id INTEGER)").await.unwrap();
    let error = note(&db, "once").await.unwrap_err();
    assert_eq!(Failure::of(&error), Failure::Data, "{error}");
    note(&db, "another").await.unwrap();
    db.relay().execute_unprepared("INSERT INTO here VALUES (1)").await.unwrap();

    write_until_full(&db).await;
    note(&db, "yet another").await.unwrap();
    assert!(db.relay().execute_unprepared("INSERT INTO here VALUES (2)").await.is_err(), "the connection is the same");
    db.close().await;
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test itself ends the task")]
async fn a_full_disk_refuses_requests_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path()).await;
    let (reserve, cancel) = (folder.path().join("test.reserve"), Cancel::new());
    let watching = tokio::spawn(disk::watch(db.clone(), cancel.clone()));
    let eventually = async |condition: &dyn Fn() -> bool| {
        let started = Instant::now();
        while !condition() {
            assert!(started.elapsed() < PATIENCE);
            sleep(Duration::from_millis(5)).await;
        }
    };
    eventually(&|| reserve.metadata().is_ok_and(|file| file.len() == 2 * 1024 * 1024)).await;
    write_until_full(&db).await;
    assert_eq!(db.write_health().trouble(), Some(Trouble::DiskFull));
    let refused = db.begin().await.err().unwrap();
    assert_eq!(Failure::of(&refused), Failure::Refused(Refusal::DiskFull));
    // The reserve is released at first. Later it is filled again, a write succeeds, and the trouble ends.
    eventually(&|| !reserve.exists()).await;
    eventually(&|| db.write_health().trouble().is_none() && reserve.exists()).await;
    db.begin().await.unwrap().rollback().await.unwrap();
    cancel.cancel();
    watching.await.unwrap();
    db.close().await;
}

#[tokio::test]
async fn a_damaged_file_is_not_written_to() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path()).await.close().await;
    let file = folder.path().join("test.db");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.iter_mut().skip(100).for_each(|byte| *byte = 0xa5);
    std::fs::write(&file, &bytes).unwrap();
    let env = Env::of([("CHATTY_DATA_DIR", folder.path().to_str().unwrap())]);
    let db = Db::open(&Settings::from_env(&env, 1).unwrap(), "test", Clock::system()).await.unwrap();
    let error = note(&db, "nothing").await.unwrap_err();
    assert_eq!(Failure::of(&error), Failure::Damaged, "{error}");
    let trouble = db.write_health().trouble().unwrap();
    assert!(trouble.to_string().contains("chatty restore"), "{trouble}");
    let refused = db.begin().await.err().unwrap();
    assert!(matches!(Failure::of(&refused), Failure::Refused(Refusal::Damaged(_))), "{refused}");
    db.close().await;
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
}

#[tokio::test]
async fn damage_that_a_read_finds_stops_the_writes() {
    const PAGE: usize = 4_096;
    let folder = tempfile::tempdir().unwrap();
    let db = open(folder.path()).await;
    for number in 0..20 {
        note(&db, &format!("note {number}")).await.unwrap();
    }
    db.close().await;
    let file = folder.path().join("test.db");
    let mut bytes = std::fs::read(&file).unwrap();
    for page in bytes.chunks_mut(PAGE).filter(|page| page.windows(7).any(|text| text == b"note 3 ")) {
        page.fill(0xa5);
    }
    std::fs::write(&file, &bytes).unwrap();
    let db = open(folder.path()).await;
    let mut select = Query::select();
    select.columns(["id", "text"]).from("notes");
    assert_eq!(db.write_health().trouble(), None);
    let error = db.read().query_all(&select).await.unwrap_err();
    assert_eq!(Failure::of(&error), Failure::Damaged, "{error}");
    assert!(matches!(db.write_health().trouble(), Some(Trouble::Damaged(_))));
    assert!(db.begin().await.is_err());
    db.close().await;
}
