//! `chatty backup`: a copy of the data of the one-process suite, also while it runs.
//!
//! A backup is a folder with the five databases, the pictures, the signing key and a manifest with the checksum of each
//! file. The folder gets its final name only when it is complete, so a backup that was interrupted cannot be taken for
//! a complete one.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind::NotFound};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use shared::clock::{Clock, Timestamp};
use shared::config::{Env, Settings};
use shared::db::sqlite;

use crate::data_folder::{self, Layout};
use crate::output::{self, Progress};
use crate::suite;

/// The name of the file that lists the content of a backup.
const MANIFEST: &str = "manifest.json";
/// The version of the format of backups. A restore accepts no other one.
const FORMAT: u32 = 1;
/// The name of the signing key in a backup.
pub(crate) const KEY: &str = "jwt.pem";
/// The name of the folder of pictures in a backup.
pub(crate) const MEDIA: &str = "media";

/// The arguments of `chatty backup`.
#[derive(Args)]
pub(crate) struct Backup {
    /// The folder to create. It must not exist yet.
    folder: PathBuf,
}

/// The content of a backup, as its manifest lists it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The version of the format, [`FORMAT`].
    format: u32,
    /// The version of the program that has made the backup.
    pub(crate) chatty: String,
    /// The time when the copy was complete.
    pub(crate) created_at: Timestamp,
    /// All files of the backup but the manifest.
    pub(crate) files: Vec<Entry>,
}

/// One file of a backup.
#[derive(Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The path of the file in the backup, with `/` between folders.
    pub(crate) name: String,
    /// The size of the file in bytes.
    pub(crate) bytes: u64,
    /// The SHA-256 of the file in hexadecimal digits.
    pub(crate) sha256: String,
}

impl Manifest {
    /// Reads the manifest of a backup.
    ///
    /// # Errors
    /// When `folder` has no manifest, or one that cannot be read or has another format.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join(MANIFEST);
        let text =
            fs::read(&file).with_context(|| format!("{} is not a complete backup: {MANIFEST}", folder.display()))?;
        let manifest: Self = serde_json::from_slice(&text).with_context(|| file.display().to_string())?;
        if manifest.format != FORMAT {
            bail!(
                "{} has the format {}, but this version of chatty reads the format {FORMAT}",
                folder.display(),
                manifest.format
            );
        }
        Ok(manifest)
    }

    fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(MANIFEST))?;
        serde_json::to_writer_pretty(&file, self)?;
        Ok(file.sync_all()?)
    }
}

impl Backup {
    /// Makes the backup, and prints the number of its files and their size.
    pub(crate) async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        if suite::is_distributed(env) {
            bail!(
                "the *_DATABASE_URL variables are set: back up the five Postgres databases with pg_dump, in the order \
                 that docs/operations.md names"
            );
        }
        let folder = output::resolve_path(&self.folder);
        if folder.exists() {
            bail!("{} exists already: name a folder that does not exist", self.folder.display());
        }
        let settings = Settings::from_env(env, suite::PORT)?;
        let layout = Layout::of(env, &settings)?;
        let parent = match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        // The copy is made under a temporary name beside the final one, and removed if anything fails.
        let made = tempfile::Builder::new().prefix(".chatty-backup-").tempdir_in(parent)?;
        data_folder::create_folder(made.path())?;
        let manifest = copy_all(&layout, made.path()).await?;
        manifest.write(made.path())?;
        data_folder::sync_to_disk(made.path())?;
        fs::rename(made.path(), &folder).with_context(|| self.folder.display().to_string())?;
        // The folder was renamed, so there is nothing to remove under the temporary name.
        let _renamed = made.keep();
        data_folder::sync_to_disk(parent)?;
        let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
        output::print_line(format_args!("{}: {} files, {bytes} bytes", self.folder.display(), manifest.files.len()))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Copies all files of the suite into `to`, and returns their manifest.
async fn copy_all(layout: &Layout, to: &Path) -> anyhow::Result<Manifest> {
    let progress = Progress::start("copying pictures");
    let mut files = Vec::new();
    data_folder::create_folder(&to.join(MEDIA))?;
    copy_pictures(layout, to, &mut files)?;
    // The databases are copied one after the other. If a service's copy of another one's data is older than the
    // owner's, the owner fills it again after a restore. But what the copy has and the owner does not have would be
    // lost. So the services that only keep copies come first, and auth, the owner of people, comes last.
    for (name, file) in layout.databases.iter().rev() {
        progress.step(format_args!("copying {name}"));
        if !file.is_file() {
            bail!("{} is not there: start chatty once, or set CHATTY_DATA_DIR", file.display());
        }
        let copy = to.join(name);
        sqlite::copy(file, &copy).await.with_context(|| file.display().to_string())?;
        fs::set_permissions(&copy, Permissions::from_mode(0o600))?;
        data_folder::sync_to_disk(&copy)?;
        let (bytes, sha256) = data_folder::checksum(&copy)?;
        files.push(Entry { name: name.clone(), bytes, sha256 });
    }
    let (bytes, sha256) = data_folder::copy_file(&layout.key, &to.join(KEY))?;
    files.push(Entry { name: KEY.to_owned(), bytes, sha256 });
    progress.step("copying new pictures");
    // A picture never changes, so copying the new ones is enough: the pictures of posts that were written since the
    // first pass are added, and the pictures of posts that were deleted since then are there already. Only a post that
    // was written and deleted between the two passes may be in the backup without its picture.
    copy_pictures(layout, to, &mut files)?;
    data_folder::sync_to_disk(&to.join(MEDIA))?;
    Ok(Manifest {
        format: FORMAT,
        chatty: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: Clock::system().now(),
        files,
    })
}

/// Copies the pictures that are not in the backup yet.
fn copy_pictures(layout: &Layout, to: &Path, files: &mut Vec<Entry>) -> anyhow::Result<()> {
    for name in layout.pictures()? {
        let (from, copy) = (layout.media.join(&name), to.join(MEDIA).join(&name));
        if copy.exists() || from.is_dir() {
            continue;
        }
        let (bytes, sha256) = match data_folder::copy_file(&from, &copy) {
            Ok(checksum) => checksum,
            // The picture was removed since the folder was listed, because its post was deleted or was never stored.
            Err(error) if error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == NotFound) => continue,
            Err(error) => return Err(error),
        };
        files.push(Entry { name: format!("{MEDIA}/{name}"), bytes, sha256 });
    }
    Ok(())
}
