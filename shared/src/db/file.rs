//! The file of a service on SQLite: whether what is open is still what lies in the folder.
//!
//! A file that is deleted or replaced stays there for whoever has it open, and all that is written to it is gone with the
//! last one who closes it (<https://www.sqlite.org/howtocorrupt.html>, section 2.4). So it is asked while the service runs.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A file, whatever its name: device and inode.
type Identity = (u64, u64);

/// What became of the files under the connections that have them open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The database was deleted, moved or replaced: what was in it is not there any more.
    Database,
    /// Only its write-ahead log was: the connections still have it, and take it along when they close.
    Log,
}

/// The database of a service and its write-ahead log.
pub(super) struct SqliteFile {
    database: PathBuf,
    log: PathBuf,
    seen: Mutex<Seen>,
}

/// The files as they were when they were looked at first.
#[derive(Clone, Copy, Default)]
struct Seen {
    database: Option<Identity>,
    log: Option<Identity>,
}

impl SqliteFile {
    pub(super) fn new(database: PathBuf) -> Self {
        let mut log = OsString::from(&database);
        log.push("-wal");
        Self { database, log: log.into(), seen: Mutex::default() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.database
    }

    /// What became of the files since they were looked at first. Files that cannot be looked at count as unchanged.
    pub(super) fn change(&self) -> Option<Change> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if has_changed(&self.database, &mut seen.database) {
            return Some(Change::Database);
        }
        has_changed(&self.log, &mut seen.log).then_some(Change::Log)
    }

    /// Whether the database that is open lies in the folder no more.
    pub(super) fn is_gone(&self) -> bool {
        self.change() == Some(Change::Database)
    }

    /// Forgets the files: other ones are going to be opened.
    pub(super) fn forget(&self) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen::default();
    }
}

/// Compares a file with the one that was seen there; the first one is only noted.
fn has_changed(path: &Path, seen: &mut Option<Identity>) -> bool {
    let Ok(found) = identity(path) else { return false };
    if seen.is_none() {
        *seen = found;
    }
    *seen != found
}

fn identity(path: &Path) -> io::Result<Option<Identity>> {
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
        assert!(!file.is_gone());
        fs::rename(&path, &other).unwrap();
        assert_eq!(file.change(), Some(Change::Database));
        fs::copy(&other, &path).unwrap();
        assert!(file.is_gone(), "another one of the same content");
        file.forget();
        assert_eq!(file.change(), None);
        fs::rename(&other, &path).unwrap();
        assert!(file.is_gone());
    }
}
