//! The SQLite file of a service, and the check that the open file is still the one in the folder.
//!
//! A file that is deleted or replaced continues to exist for the processes that have it open. Their writes succeed, and
//! are lost when the last of these processes closes the file (<https://www.sqlite.org/howtocorrupt.html>, section 2.4).
//! So a service compares the open files with those in the folder every two seconds, and at each commit (ADR 14).

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The identity of a file, whatever its name: device and inode.
type Identity = (u64, u64);

/// A change of files that connections have open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The database was deleted, moved or replaced, so its content is lost to the service.
    Database,
    /// Only the write-ahead log was deleted, moved or replaced. The connections still have it open, and write its
    /// content back into the database when they close.
    Log,
}

/// The database file of a service and its write-ahead log.
pub(crate) struct SqliteFile {
    database: PathBuf,
    log: PathBuf,
    first_seen: Mutex<FirstSeen>,
}

/// The identities of the files when they were first looked at; absent for a file that did not exist yet.
#[derive(Clone, Copy, Default)]
struct FirstSeen {
    database: Option<Identity>,
    log: Option<Identity>,
}

impl SqliteFile {
    /// Describes the database file at a path, without looking at it. The write-ahead log has SQLite's name for it: the
    /// database's and `-wal`.
    pub(super) fn new(database: PathBuf) -> Self {
        let mut log = OsString::from(&database);
        log.push("-wal");
        Self { database, log: log.into(), first_seen: Mutex::default() }
    }

    /// Returns the path of the database file.
    pub(crate) fn path(&self) -> &Path {
        &self.database
    }

    /// Returns the change of the files since they were first looked at; `None` if they are unchanged. Files that cannot
    /// be looked at count as unchanged.
    pub(crate) fn change(&self) -> Option<Change> {
        let mut seen = self.first_seen.lock().unwrap_or_else(PoisonError::into_inner);
        // The database first: if it was lost, its log does not matter.
        if has_changed(&self.database, &mut seen.database) {
            return Some(Change::Database);
        }
        has_changed(&self.log, &mut seen.log).then_some(Change::Log)
    }

    /// Returns true if the database file in the folder is not the open one.
    pub(super) fn is_lost(&self) -> bool {
        self.change() == Some(Change::Database)
    }

    /// Forgets the identities, because other files are about to be opened.
    pub(super) fn forget(&self) {
        *self.first_seen.lock().unwrap_or_else(PoisonError::into_inner) = FirstSeen::default();
    }
}

/// Compares the file at a path with the one that was first seen there. A file that appears for the first time is
/// recorded and is no change, because SQLite creates database and log at its own time.
fn has_changed(path: &Path, first_seen: &mut Option<Identity>) -> bool {
    let Ok(found) = read_identity(path) else { return false };
    if first_seen.is_none() {
        *first_seen = found;
    }
    *first_seen != found
}

/// Reads the identity of the file at a path; `None` if there is no file.
fn read_identity(path: &Path) -> io::Result<Option<Identity>> {
    match std::fs::metadata(path) {
        Ok(metadata) => Ok(Some((metadata.dev(), metadata.ino()))),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn deleted_moved_and_replaced_files_are_told_from_those_that_are_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("posts.db");
        let (log, other) = (folder.path().join("posts.db-wal"), folder.path().join("other"));
        let file = SqliteFile::new(path.clone());
        assert_eq!(file.change(), None, "nothing is there yet");
        fs::write(&path, "a").unwrap();
        fs::write(&log, "a").unwrap();
        assert_eq!(file.change(), None);
        fs::write(&path, "ab").unwrap();
        assert_eq!(file.change(), None, "it is written to");

        fs::remove_file(&log).unwrap();
        assert_eq!(file.change(), Some(Change::Log));
        assert!(!file.is_lost());
        fs::rename(&path, &other).unwrap();
        assert_eq!(file.change(), Some(Change::Database));
        fs::copy(&other, &path).unwrap();
        assert!(file.is_lost(), "another one of the same content");
        file.forget();
        assert_eq!(file.change(), None);
        fs::rename(&other, &path).unwrap();
        assert!(file.is_lost());
    }
}
