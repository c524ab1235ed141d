//! The health of a service's writes: whether the database stores them now, and the trouble if it does not.
//!
//! Connections report failures here ([`super::watched`]). A request checks the health before it begins a transaction,
//! so that it is refused with 503 up front while the disk is full or the file is damaged. [`crate::disk`] finds out
//! when the disk is healthy again (ADR 13).

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sea_orm::DbErr;
use tokio::sync::Notify;

use super::failure::{self, Failure, Refusal};
use super::file::SqliteFile;

/// The reason why writes fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The disk is full. Requests are refused up front, so that work under way can use the room of the reserve file.
    DiskFull,
    /// The disk or the database refuses writes. The text describes the error. Requests still try, because any of them
    /// may find that writes succeed again.
    Failing(String),
    /// An fsync failed. The text describes the error. The system may have dropped the pages that it could not write, so
    /// nothing more is written until the file has been examined.
    Unexamined(String),
    /// The file is damaged. The text is SQLite's description of the damage. Nothing more is written.
    Damaged(String),
}

impl Trouble {
    /// Returns the refusal of a request that wants to write; `None` if it may try.
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
            // The one trouble that refuses no request.
            None if let Self::Failing(reason) = self => write!(f, "writes fail: {reason}"),
            None => Ok(()),
        }
    }
}

/// The health of the writes of one service. Clones share it.
#[derive(Clone)]
pub(crate) struct WriteHealth(Arc<State>);

struct State {
    service: &'static str,
    /// The SQLite file; absent on Postgres.
    file: Option<SqliteFile>,
    trouble: Mutex<Option<Trouble>>,
    /// True while `trouble` is set. Every commit reads this flag, so reading it must not take the lock.
    is_troubled: AtomicBool,
    changed: Notify,
}

impl WriteHealth {
    /// Creates the health of writes that are not known to fail. `file` is the SQLite file, or `None` on Postgres.
    pub(super) fn new(service: &'static str, file: Option<PathBuf>) -> Self {
        let (trouble, is_troubled, changed) = Default::default();
        Self(Arc::new(State { service, file: file.map(SqliteFile::new), trouble, is_troubled, changed }))
    }

    /// Returns the name of the service.
    pub(crate) fn service(&self) -> &'static str {
        self.0.service
    }

    /// Returns the SQLite file of the service; `None` on Postgres.
    pub(crate) fn file(&self) -> Option<&SqliteFile> {
        self.0.file.as_ref()
    }

    /// Returns the reason why writes fail; `None` while they succeed.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        if !self.0.is_troubled.load(Ordering::Acquire) {
            return None;
        }
        self.locked().clone()
    }

    /// Records that a statement failed because of the disk or the database file.
    pub(super) fn record_failure(&self, error: &DbErr) {
        let on_file = self.0.file.is_some();
        // A full or damaged disk of a Postgres server is its operator's matter: there is no reserve to release and no
        // file to examine here, and each request may try.
        let trouble = match Failure::of(error) {
            Failure::DiskFull if on_file => Trouble::DiskFull,
            Failure::Damaged if on_file => Trouble::Damaged(error.to_string()),
            _ if failure::is_fsync_failure(error) => Trouble::Unexamined(error.to_string()),
            _ => Trouble::Failing(error.to_string()),
        };
        self.set_trouble(Some(trouble));
    }

    /// Records that a transaction was committed, which ends [`Trouble::Failing`]. A commit says nothing about damage or
    /// an unexamined file, and on a full disk it may have used the reserve.
    pub(super) fn record_commit(&self) {
        if matches!(self.trouble(), Some(Trouble::Failing(_))) {
            self.set_trouble(None);
        }
    }

    /// Checks that a request may write.
    ///
    /// # Errors
    /// An error that wraps a [`Refusal`], if the writes of the request would fail or would use up the reserve.
    pub(crate) fn check(&self) -> Result<(), DbErr> {
        self.trouble().and_then(|trouble| trouble.refusal()).map_or(Ok(()), |refusal| Err(refusal.into()))
    }

    /// Checks that work under way may write. Unlike a request, it may use the reserve of a full disk.
    ///
    /// # Errors
    /// As [`WriteHealth::check`], except that a full disk is no error.
    pub(crate) fn check_in_reserve(&self) -> Result<(), DbErr> {
        if self.trouble() == Some(Trouble::DiskFull) { Ok(()) } else { self.check() }
    }

    /// Replaces the trouble; `None` ends it. Damage is never replaced, and an unexamined file only by damage or `None`.
    pub(crate) fn set_trouble(&self, new: Option<Trouble>) {
        let mut trouble = self.locked();
        let replaces = match (&*trouble, &new) {
            (Some(Trouble::Damaged(_)), _) => false,
            (Some(Trouble::Unexamined(_)), Some(new)) => matches!(new, Trouble::Damaged(_)),
            (old, new) => old != new,
        };
        if !replaces {
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
            // A failing disk reports many different reasons; one log line is enough.
            Some(new) if trouble.is_none() => tracing::warn!(service, "Writes are refused: {new}."),
            Some(_) => {}
        }
        metrics::gauge!("database_writes_failing", "service" => service).set(if new.is_some() { 1.0 } else { 0.0 });
        self.0.is_troubled.store(new.is_some(), Ordering::Release);
        *trouble = new;
        drop(trouble);
        self.0.changed.notify_one();
    }

    /// Waits until the trouble changes. A change since the last call ends the wait at once.
    pub(crate) async fn wait_for_change(&self) {
        self.0.changed.notified().await;
    }

    /// Records that another file was opened. The trouble of the old file is over, including damage, but a write has to
    /// prove that the new file takes writes.
    pub(crate) fn reset_for_new_file(&self) {
        // Cleared first, because `set_trouble` would keep damage.
        *self.locked() = None;
        self.set_trouble(Some(Trouble::Failing("the file was opened anew and not tried yet".to_owned())));
    }

    /// Records that the file was examined and is sound. A write has to prove that the disk is sound as well.
    pub(crate) fn record_examined(&self) {
        *self.locked() = Some(Trouble::Failing("not tried yet".to_owned()));
    }

    fn locked(&self) -> MutexGuard<'_, Option<Trouble>> {
        self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
