//! Whether a service's database takes writes just now: what a bad disk is like from here, and how it is noticed that it is
//! well again.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sea_orm::{ActiveModelTrait, ActiveValue::Set, DbErr, EntityTrait};
use tokio::sync::Notify;
use tokio::time::sleep;

use super::failure::{self, Failure, Refusal};
use super::file::SqliteFile;
use super::{CommitError, Db, sqlite};
use crate::events::outbox;
use crate::lifecycle::Cancel;

/// How often it is tried whether writes are stored again.
const TRY: Duration = Duration::from_millis(500);
/// What a reserve file holds, in bytes: enough for the sessions and the events of some seconds.
const RESERVE: usize = 2 * 1024 * 1024;

/// Why writes fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The disk has no room. Requests are refused up front, so that what was begun can use the reserve.
    DiskFull,
    /// The disk or the database says no, in its own words.
    Failing(String),
    /// The disk did not keep what it was given: the file is examined before anything more is written.
    Unexamined(String),
    /// The file is damaged; nothing is written any more.
    Damaged(String),
}

impl Trouble {
    /// The refusal of a request that wants to write, if it is refused without a try.
    fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::DiskFull => Some(Refusal::DiskFull),
            Self::Failing(_) => None,
            Self::Unexamined(_) => Some(Refusal::Unexamined),
            Self::Damaged(found) => Some(Refusal::Damaged(found.clone())),
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.refusal() {
            Some(refusal) => refusal.fmt(f),
            None if let Self::Failing(reason) = self => write!(f, "writes fail: {reason}"),
            None => Ok(()),
        }
    }
}

/// Whether writes are stored. Clones share it.
#[derive(Clone)]
pub(crate) struct Writes(Arc<State>);

struct State {
    service: &'static str,
    /// Absent on Postgres.
    file: Option<SqliteFile>,
    trouble: Mutex<Option<Trouble>>,
    /// The same as one bit, for every commit to look at.
    is_troubled: AtomicBool,
    changed: Notify,
}

impl Writes {
    pub(super) fn new(service: &'static str, file: Option<PathBuf>) -> Self {
        let (trouble, is_troubled, changed) = Default::default();
        Self(Arc::new(State { service, file: file.map(SqliteFile::new), trouble, is_troubled, changed }))
    }

    /// The file that is written to, if it is SQLite's.
    pub(super) fn file(&self) -> Option<&SqliteFile> {
        self.0.file.as_ref()
    }

    /// What is wrong, if anything.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        if !self.0.is_troubled.load(Ordering::Acquire) {
            return None;
        }
        self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a write that failed because of the disk or the database.
    pub(super) fn failed(&self, error: &DbErr) {
        let on_file = self.0.file.is_some();
        let trouble = match Failure::of(error) {
            Failure::DiskFull if on_file => Trouble::DiskFull,
            Failure::Damaged if on_file => Trouble::Damaged(error.to_string()),
            _ if failure::is_failed_sync(error) => Trouble::Unexamined(error.to_string()),
            _ => Trouble::Failing(error.to_string()),
        };
        self.set(Some(trouble));
    }

    /// Notes that a transaction was stored. Damage, and doubt about the file, do not pass by that; and on a full disk it may
    /// have been the reserve that took it.
    pub(super) fn stored(&self) {
        if matches!(self.trouble(), Some(Trouble::Failing(_))) {
            self.set(None);
        }
    }

    /// Refuses what would fail, or would use up the room that is kept for what was begun.
    pub(super) fn check(&self) -> Result<(), DbErr> {
        self.trouble().and_then(|trouble| trouble.refusal()).map_or(Ok(()), |refusal| Err(refusal.into()))
    }

    /// The same for what may use the reserve of a full disk.
    pub(super) fn check_in_reserve(&self) -> Result<(), DbErr> {
        if self.trouble() == Some(Trouble::DiskFull) { Ok(()) } else { self.check() }
    }

    fn set(&self, new: Option<Trouble>) {
        let mut trouble = self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let is_worse = match (&*trouble, &new) {
            (Some(Trouble::Damaged(_)), _) => false,
            (Some(Trouble::Unexamined(_)), Some(new)) => matches!(new, Trouble::Damaged(_)),
            (old, new) => old != new,
        };
        if !is_worse {
            return;
        }
        let service = self.0.service;
        match &new {
            None => tracing::info!(service, "Writes are stored again."),
            Some(Trouble::Damaged(_)) => {
                tracing::error!(
                    service,
                    "Writes have stopped: {}.",
                    new.as_ref().map(ToString::to_string).unwrap_or_default()
                );
            }
            // A failing disk has many words; one line says it.
            Some(new) if trouble.is_none() => tracing::warn!(service, "Writes are refused: {new}."),
            Some(_) => {}
        }
        metrics::gauge!("database_writes_failing", "service" => service).set(if new.is_some() { 1.0 } else { 0.0 });
        self.0.is_troubled.store(new.is_some(), Ordering::Release);
        *trouble = new;
        drop(trouble);
        self.0.changed.notify_one();
    }

    fn reserve(&self) -> Option<PathBuf> {
        self.0.file.as_ref().map(|file| file.path().with_extension("reserve"))
    }

    /// Gives the reserve back when the disk is full, so that a service starts on it and shows what it has.
    pub(crate) fn make_room(&self) {
        if self.trouble() == Some(Trouble::DiskFull)
            && let Some(reserve) = self.reserve()
        {
            let _gone = std::fs::remove_file(&reserve);
        }
    }

    /// Keeps a reserve on the disk, and tries, while writes fail, whether they are stored again. Until `cancel`.
    pub(crate) async fn watch(self, db: Db, cancel: Cancel) {
        metrics::gauge!("database_writes_failing", "service" => self.0.service).set(0.0);
        if let Some(reserve) = self.reserve()
            && let Err(error) = take(reserve).await
        {
            tracing::warn!(%error, service = self.0.service, "There is no room for a reserve on the disk.");
        }
        loop {
            let pause =
                async { if self.trouble().is_none() { self.0.changed.notified().await } else { sleep(TRY).await } };
            tokio::select! { () = pause => {}, () = cancel.cancelled() => return }
            match self.trouble() {
                None | Some(Trouble::Damaged(_)) => {}
                Some(Trouble::DiskFull) => self.try_full_disk(&db).await,
                Some(Trouble::Unexamined(_)) => self.examine().await,
                Some(Trouble::Failing(_)) => {
                    let _failed = try_write(&db).await;
                }
            }
        }
    }

    /// Gives the reserve back, and takes it again as soon as there is room for it and for a write.
    async fn try_full_disk(&self, db: &Db) {
        let Some(reserve) = self.reserve() else { return };
        if reserve.exists() {
            let _gone = std::fs::remove_file(&reserve);
            return;
        }
        if take(reserve.clone()).await.is_err() {
            return;
        }
        match try_write(db).await {
            Ok(()) => self.set(None),
            Err(_) => {
                let _gone = std::fs::remove_file(&reserve);
            }
        }
    }

    /// Reads the whole file anew. What the failed fsync left in the system's memory may differ from the disk, so this is
    /// not done by a connection that was open then.
    async fn examine(&self) {
        let Some(file) = &self.0.file else { return self.set_examined() };
        match sqlite::quick_complaints(file.path()).await {
            Ok(found) if found.is_empty() => self.set_examined(),
            Ok(found) => self.set(Some(Trouble::Damaged(found.join("; ")))),
            Err(error) if Failure::of(&error) == Failure::Damaged => {
                self.set(Some(Trouble::Damaged(error.to_string())))
            }
            Err(error) => tracing::debug!(%error, "The database cannot be examined yet."),
        }
    }

    /// Another file is written to from now on: whatever was wrong with the old one is over, damage too.
    pub(super) fn renew(&self) {
        *self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.set(Some(Trouble::Failing("the file was opened anew and not tried yet".to_owned())));
    }

    /// The file is sound: a write now shows whether the disk is, too.
    fn set_examined(&self) {
        *self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Trouble::Failing("not tried yet".to_owned()));
    }
}

/// Stores a row and takes it away again. A success is noted by the commit.
async fn try_write(db: &Db) -> Result<(), CommitError> {
    let tx = db.begin_unchecked().await.map_err(CommitError::Refused)?;
    let written = async {
        let row = outbox::ActiveModel {
            message_id: Set(String::new()),
            stream: Set(String::new()),
            target: Set(None),
            payload: Set(Vec::new()),
            created_at: Set(tx.clock().now()),
            ..Default::default()
        };
        let row = row.insert(&*tx).await?;
        outbox::Entity::delete_by_id(row.id).exec(&*tx).await.map(|_| ())
    };
    written.await.map_err(CommitError::Refused)?;
    tx.commit().await
}

/// Fills a reserve file. One that cannot be written whole is taken away.
async fn take(reserve: PathBuf) -> io::Result<()> {
    let fill = move || {
        // A disk that compresses would keep zeroes in no room at all.
        let mut bytes = vec![0; RESERVE];
        rand::fill(&mut bytes[..]);
        let filled = std::fs::write(&reserve, bytes).and_then(|()| std::fs::File::open(&reserve)?.sync_all());
        filled.inspect_err(|_| {
            let _gone = std::fs::remove_file(&reserve);
        })
    };
    tokio::task::spawn_blocking(fill).await.map_err(io::Error::other)?
}
