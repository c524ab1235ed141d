//! The folder of the archives.

use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::{self, File};
use tokio::task::spawn_blocking;

use super::writer::{ArchiveError, ArchiveWriter};

/// The folder of archives, each under a random name.
#[derive(Clone)]
pub(crate) struct Archives {
    folder: PathBuf,
}

impl Archives {
    /// Names the folder `exports` in the data folder. It is created together with the first archive.
    pub(crate) fn new(data_folder: &Path) -> Self {
        Self { folder: data_folder.join("exports") }
    }

    /// Begins a new archive. It appears under its name when it is finished, and is the file `draft` until then.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub(crate) async fn begin(&self, draft: &str, name: &str) -> Result<ArchiveWriter, ArchiveError> {
        let (folder, draft, place) = (self.folder.clone(), self.folder.join(draft), self.folder.join(name));
        let create = move || ArchiveWriter::create(&folder, draft, place);
        Ok(spawn_blocking(create).await.map_err(io::Error::other)??)
    }

    /// Opens a finished archive. Returns it with its size in bytes.
    ///
    /// # Errors
    /// When there is no such archive, or it cannot be read.
    pub(crate) async fn open(&self, name: &str) -> io::Result<(File, u64)> {
        let file = File::open(self.folder.join(name)).await?;
        let size = file.metadata().await?.len();
        Ok((file, size))
    }

    /// Lists the names of all files, finished or not.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub(crate) async fn list(&self) -> io::Result<Vec<String>> {
        let mut files = match fs::read_dir(&self.folder).await {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut names = Vec::new();
        while let Some(file) = files.next_entry().await? {
            names.extend(file.file_name().into_string());
        }
        Ok(names)
    }

    /// Deletes a file. A file that is gone already is no error, because another replica may have deleted it.
    ///
    /// # Errors
    /// When the file cannot be deleted.
    pub(crate) async fn delete(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.folder.join(name)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
