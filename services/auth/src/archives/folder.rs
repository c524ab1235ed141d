//! The folder of the archives.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use tokio::fs::{self, File};

use super::writer::ArchiveWriter;

/// The archives, each under a random name.
#[derive(Clone)]
pub(crate) struct Archives {
    folder: PathBuf,
}

impl Archives {
    /// The archives in a folder of the data folder. It is created with the first archive.
    pub(crate) fn new(data_folder: &Path) -> Self {
        Self { folder: data_folder.join("exports") }
    }

    /// Begins a new archive. It appears under its name when it is finished.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub(crate) fn begin(&self, name: &str) -> io::Result<ArchiveWriter> {
        ArchiveWriter::create(&self.folder, name)
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

    /// Deletes all files but those with these names.
    ///
    /// # Errors
    /// When the folder cannot be read, or a file cannot be deleted.
    pub(crate) async fn retain(&self, names: &HashSet<String>) -> io::Result<()> {
        let mut files = match fs::read_dir(&self.folder).await {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        while let Some(file) = files.next_entry().await? {
            let is_kept = file.file_name().to_str().is_some_and(|name| names.contains(name));
            if !is_kept {
                fs::remove_file(file.path()).await?;
            }
        }
        Ok(())
    }
}
