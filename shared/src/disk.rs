//! The task that copes with a full or failing disk: it keeps a reserve file and finds out when writes are stored again.
//!
//! A full disk must not keep sessions, consumers and the outbox from finishing. So each service on SQLite keeps a file
//! of 2 MiB beside its database and deletes it when the disk is full: requests are refused up front from then on, and
//! the work under way uses the room (ADR 13). This module stands above [`crate::work`], because it tests the disk in
//! the way in which all others use it: by a transaction.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait};
use tokio::time::sleep;

use crate::db::{CommitError, Failure, Trouble, WriteHealth, sqlite};
use crate::outbox::table;
use crate::tasks::Cancel;
use crate::work::Db;

/// The pause between two test writes while writes fail.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// The size of a reserve file in bytes: room for the sessions and events of some seconds.
const RESERVE_SIZE: usize = 2 * 1024 * 1024;

/// Deletes the reserve file if the disk is full, so that a service has the room to start and to serve reads.
pub(crate) fn release_reserve(health: &WriteHealth) {
    if health.trouble() == Some(Trouble::DiskFull)
        && let Some(reserve) = reserve_path(health)
    {
        let _missing = std::fs::remove_file(&reserve);
    }
}

/// Keeps a reserve file beside a SQLite database and, while writes fail, tests whether writes succeed again. Runs until
/// `cancel`.
pub(crate) async fn watch(db: Db, cancel: Cancel) {
    let health = db.write_health().clone();
    let service = health.service();
    metrics::gauge!("database_writes_failing", "service" => service).set(0.0);
    if let Some(reserve) = reserve_path(&health)
        && let Err(error) = fill_reserve(reserve).await
    {
        tracing::warn!(%error, service, "There is no room for a reserve on the disk.");
    }
    loop {
        // A healthy disk costs nothing: the task sleeps until a failure is reported. Afterwards it tests the disk by
        // itself, because requests that are refused up front cannot find out that writes succeed again.
        let pause = async {
            if health.trouble().is_none() { health.wait_for_change().await } else { sleep(RETRY_PAUSE).await }
        };
        tokio::select! { () = pause => {}, () = cancel.cancelled() => return }
        match health.trouble() {
            // No write can end damage. Only another file does, and `Db` notices when one was put in place.
            None | Some(Trouble::Damaged(_)) => {}
            Some(Trouble::DiskFull) => recover_from_full_disk(&db, &health).await,
            Some(Trouble::Unexamined(_)) => examine_file(&health).await,
            Some(Trouble::Failing(_)) => {
                // The transaction reports its outcome to the health by itself, success and failure alike.
                let _failed = write_test_row(&db).await;
            }
        }
    }
}

/// Returns the path of the reserve file, which is beside the database; `None` on Postgres, whose disk belongs to the
/// server.
fn reserve_path(health: &WriteHealth) -> Option<PathBuf> {
    health.file().map(|file| file.path().with_extension("reserve"))
}

/// Deletes the reserve file if it exists. Otherwise fills it again and, if there is room for it and for a write
/// besides, ends the trouble.
async fn recover_from_full_disk(db: &Db, health: &WriteHealth) {
    let Some(reserve) = reserve_path(health) else { return };
    if reserve.exists() {
        let _failed = std::fs::remove_file(&reserve);
        return;
    }
    // The reserve comes first: a disk that cannot hold it would be full again after a few writes.
    if fill_reserve(reserve.clone()).await.is_err() {
        return;
    }
    match write_test_row(db).await {
        Ok(()) => health.set_trouble(None),
        Err(_) => {
            let _failed = std::fs::remove_file(&reserve);
        }
    }
}

/// Checks the whole file after a failed fsync, and records whether it is sound or damaged. Records nothing if the file
/// cannot be read now. On Postgres there is no file here, so it counts as sound.
///
/// The pages that the open connections hold in memory may differ from the disk, so a new connection reads the file.
async fn examine_file(health: &WriteHealth) {
    let Some(file) = health.file() else { return health.record_examined() };
    match sqlite::quick_integrity_errors(file.path()).await {
        Ok(errors) if errors.is_empty() => health.record_examined(),
        Ok(errors) => health.set_trouble(Some(Trouble::Damaged(errors.join("; ")))),
        Err(error) if Failure::of(&error) == Failure::Damaged => {
            health.set_trouble(Some(Trouble::Damaged(error.to_string())));
        }
        Err(error) => tracing::debug!(%error, "The database cannot be examined yet."),
    }
}

/// Inserts a row into the outbox and deletes it in the same transaction, so that a real commit tests the disk and no
/// message is left over. The commit itself reports its success to the write health.
async fn write_test_row(db: &Db) -> Result<(), CommitError> {
    // Unchecked, because the check would refuse the very write that finds out whether the refusal can end.
    let tx = db.begin_unchecked().await.map_err(CommitError::Refused)?;
    let written = async {
        let row = table::ActiveModel {
            message_id: Set(String::new()),
            stream: Set(String::new()),
            target: Set(None),
            payload: Set(Vec::new()),
            created_at: Set(tx.clock().now()),
            ..Default::default()
        };
        let row = row.insert(&*tx).await?;
        table::Entity::delete_by_id(row.id).exec(&*tx).await.map(|_| ())
    };
    written.await.map_err(CommitError::Refused)?;
    tx.commit().await
}

/// Writes the reserve file and syncs it to the disk. A file that could not be written completely is deleted.
async fn fill_reserve(reserve: PathBuf) -> io::Result<()> {
    let fill = move || {
        // Random bytes, because a file system that compresses would store zeroes in almost no space.
        let mut bytes = vec![0; RESERVE_SIZE];
        rand::fill(&mut bytes[..]);
        let filled = std::fs::write(&reserve, bytes).and_then(|()| std::fs::File::open(&reserve)?.sync_all());
        filled.inspect_err(|_| {
            let _missing = std::fs::remove_file(&reserve);
        })
    };
    // Writing 2 MiB and an fsync may take long on a slow disk, and must not hold up the tasks of this thread.
    tokio::task::spawn_blocking(fill).await.map_err(io::Error::other)?
}

/// An acknowledgement must mean a commit that SQLite itself has made, whatever failed before (ADR 13).
#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Instant;

    use sea_orm::sea_query::{Expr, Query};
    use sea_orm::{ConnectionTrait, DatabaseBackend, DbErr, Statement};

    use super::*;
    use crate::clock::Clock;
    use crate::config::{Env, Settings};
    use crate::db::{Refusal, Schema};
    use crate::outbox::Migration;

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
        insert
            .into_table("notes")
            .columns(["text"])
            .values([Expr::val(format!("{name} {}", "x".repeat(1_024)))])
            .unwrap();
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

    /// Forbids the file to grow, so that SQLite reports a full disk. The limit belongs to the writer's open connection.
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
        // Without the knowledge of sqlx, its transaction is ended and another one is begun, which sqlx then rolls back.
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
        assert!(
            db.relay().execute_unprepared("INSERT INTO here VALUES (2)").await.is_err(),
            "the connection is the same"
        );
        db.close().await;
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test itself ends the task")]
    async fn a_full_disk_refuses_requests_until_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path()).await;
        let (reserve, cancel) = (folder.path().join("test.reserve"), Cancel::new());
        let watching = tokio::spawn(watch(db.clone(), cancel.clone()));
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
}
