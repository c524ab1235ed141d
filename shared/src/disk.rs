//! The task that copes with a full or failing disk: it keeps a reserve file and finds out when writes are stored again.
//!
//! A full disk must not keep sessions, consumers and the outbox from finishing. So each service on SQLite keeps a file
//! of 2 MiB beside its database and deletes it when the disk is full: requests are refused up front from then on, and
//! the work under way uses the room (ADR 13). This file stands above the unit of work because it tests the disk as all
//! others use it: by a transaction.

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

/// Keeps a reserve on the disk and, while writes fail, tests whether they are stored again. Runs until `cancel`.
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

/// The path of the reserve file, which is beside the database; `None` on Postgres, whose disk belongs to the server.
fn reserve_path(health: &WriteHealth) -> Option<PathBuf> {
    health.file().map(|file| file.path().with_extension("reserve"))
}

/// Deletes the reserve on the first call. Later calls fill it again as soon as there is room for it and for a write
/// besides, and then end the trouble.
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

/// Checks the whole file after a failed fsync, and records whether it is sound or damaged.
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
