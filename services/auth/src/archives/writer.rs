//! The writer of one archive.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokio::task::spawn_blocking;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// The reason why an archive could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// A file could not be written.
    #[error("the archive cannot be written: {0}")]
    Io(#[from] io::Error),
    /// The zip format does not allow the content.
    #[error("the archive cannot be written: {0}")]
    Zip(#[from] zip::result::ZipError),
}

/// An archive that is being written. A file of rows is a JSON array with one object on each line.
///
/// Writing blocks, so each step runs on a thread for blocking work and gives the writer back.
pub(crate) struct ArchiveWriter {
    // Boxed, because it is large, and every future that holds the writer would be as large.
    zip: Box<ZipWriter<BufWriter<File>>>,
    /// The path until the archive is finished, beside its place, so that the last step is a rename.
    draft: PathBuf,
    place: PathBuf,
    /// True when the current file of rows contains a row.
    has_rows: bool,
}

impl ArchiveWriter {
    /// Creates the file `draft` in a folder, which is created too if it is missing. The call blocks.
    pub(super) fn create(folder: &Path, draft: PathBuf, place: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        Ok(Self { zip: Box::new(ZipWriter::new(BufWriter::new(file))), draft, place, has_rows: false })
    }

    /// Begins a file of rows.
    pub(crate) async fn begin_rows(self, path: String) -> Result<Self, ArchiveError> {
        self.blocking(move |writer| {
            let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
            writer.zip.start_file(path, options)?;
            writer.has_rows = false;
            Ok(writer.zip.write_all(b"[")?)
        })
        .await
    }

    /// Adds rows to the file that was begun.
    pub(crate) async fn add_rows(self, rows: Vec<Value>) -> Result<Self, ArchiveError> {
        self.blocking(move |writer| {
            for row in rows {
                writer.zip.write_all(if writer.has_rows { b",\n " } else { b"\n " })?;
                writer.has_rows = true;
                serde_json::to_writer(&mut writer.zip, &row).map_err(io::Error::other)?;
            }
            Ok(())
        })
        .await
    }

    /// Ends the file of rows.
    pub(crate) async fn end_rows(self) -> Result<Self, ArchiveError> {
        self.blocking(|writer| Ok(writer.zip.write_all(b"\n]\n")?)).await
    }

    /// Adds a file that is compressed already, such as a picture.
    pub(crate) async fn add_file(
        self,
        path: String,
        content: impl AsRef<[u8]> + Send + 'static,
    ) -> Result<Self, ArchiveError> {
        self.blocking(move |writer| {
            let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
            writer.zip.start_file(path, options)?;
            Ok(writer.zip.write_all(content.as_ref())?)
        })
        .await
    }

    /// Finishes the archive, which is completely on the disk before it appears under its name.
    pub(crate) async fn finish(self) -> Result<(), ArchiveError> {
        let Self { zip, draft, place, .. } = self;
        let finish = move || {
            let file = (*zip).finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            Ok(fs::rename(draft, place)?)
        };
        spawn_blocking(finish).await.map_err(io::Error::other)?
    }

    async fn blocking(
        mut self,
        step: impl FnOnce(&mut Self) -> Result<(), ArchiveError> + Send + 'static,
    ) -> Result<Self, ArchiveError> {
        spawn_blocking(move || step(&mut self).map(|()| self)).await.map_err(io::Error::other)?
    }
}
