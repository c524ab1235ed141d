//! `chatty backup`: a copy of the one-process suite's data that is whole or not there.

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

/// The file that tells what a backup holds.
const MANIFEST: &str = "manifest.json";
/// The form of a backup.
const FORMAT: u32 = 1;
/// The names of the signing key and of the pictures' folder in a backup.
pub(crate) const KEY: &str = "jwt.pem";
pub(crate) const MEDIA: &str = "media";

/// `chatty backup`.
#[derive(Args)]
pub(crate) struct Backup {
    /// The folder to make.
    folder: PathBuf,
}

/// What a backup holds.
#[derive(Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    /// The version of chatty that wrote it.
    pub(crate) chatty: String,
    /// When.
    pub(crate) created_at: Timestamp,
    /// Every file but this one.
    pub(crate) files: Vec<Entry>,
}

/// One file of a backup.
#[derive(Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Its path in the backup, with `/`.
    pub(crate) name: String,
    /// Its size.
    pub(crate) bytes: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub(crate) sha256: String,
}

impl Manifest {
    /// Reads the manifest of a backup.
    pub(crate) fn read(folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join(MANIFEST);
        let text = fs::read(&file).with_context(|| format!("{} is no whole backup: {MANIFEST}", folder.display()))?;
        let manifest: Self = serde_json::from_slice(&text).with_context(|| file.display().to_string())?;
        if manifest.format != FORMAT {
            bail!("{} has the form {}, and this chatty reads {FORMAT}", folder.display(), manifest.format);
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
    pub(crate) async fn run(self, env: &Env) -> anyhow::Result<ExitCode> {
        if suite::is_distributed(env) {
            bail!(
                "the *_DATABASE_URL variables are set: five Postgres databases are copied by pg_dump, in the order that docs/operations.md tells"
            );
        }
        let folder = output::named(&self.folder);
        if folder.exists() {
            bail!("{} exists already: name a folder that does not", self.folder.display());
        }
        let settings = Settings::from_env(env, suite::PORT)?;
        let layout = Layout::of(env, &settings)?;
        let parent = match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        // It gets its name when it is whole; until then it goes away with this process's failure.
        let made = tempfile::Builder::new().prefix(".chatty-backup-").tempdir_in(parent)?;
        data_folder::create_folder(made.path())?;
        let manifest = copy_all(&layout, made.path()).await?;
        manifest.write(made.path())?;
        data_folder::sync(made.path())?;
        fs::rename(made.path(), &folder).with_context(|| self.folder.display().to_string())?;
        // Nothing is left under the old name that had to go away.
        let _old = made.keep();
        data_folder::sync(parent)?;
        let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
        output::line(format_args!("{}: {} files, {bytes} bytes", self.folder.display(), manifest.files.len()))?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn copy_all(layout: &Layout, to: &Path) -> anyhow::Result<Manifest> {
    let progress = Progress::start("copying pictures");
    let mut files = Vec::new();
    data_folder::create_folder(&to.join(MEDIA))?;
    copy_pictures(layout, to, &mut files)?;
    // Copies before their owners, so that a restore has least to forget.
    for (name, file) in layout.databases.iter().rev() {
        progress.step(format_args!("copying {name}"));
        if !file.is_file() {
            bail!("{} is not there: start chatty once, or set CHATTY_DATA_DIR", file.display());
        }
        let copy = to.join(name);
        sqlite::copy(file, &copy).await.with_context(|| file.display().to_string())?;
        fs::set_permissions(&copy, Permissions::from_mode(0o600))?;
        data_folder::sync(&copy)?;
        let (bytes, sha256) = data_folder::sum(&copy)?;
        files.push(Entry { name: name.clone(), bytes, sha256 });
    }
    let (bytes, sha256) = data_folder::copy(&layout.key, &to.join(KEY))?;
    files.push(Entry { name: KEY.to_owned(), bytes, sha256 });
    progress.step("copying new pictures");
    // A picture never changes. Those of posts that came meanwhile are new, and those of posts that went are there. Only a
    // post that came and went meanwhile may be in the backup without its picture.
    copy_pictures(layout, to, &mut files)?;
    data_folder::sync(&to.join(MEDIA))?;
    Ok(Manifest {
        format: FORMAT,
        chatty: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: Clock::system().now(),
        files,
    })
}

/// Copies the pictures that the backup does not have yet.
fn copy_pictures(layout: &Layout, to: &Path, files: &mut Vec<Entry>) -> anyhow::Result<()> {
    for name in layout.pictures()? {
        let (from, copy) = (layout.media.join(&name), to.join(MEDIA).join(&name));
        if copy.exists() || from.is_dir() {
            continue;
        }
        let (bytes, sha256) = match data_folder::copy(&from, &copy) {
            Ok(sum) => sum,
            // It was removed since the folder was read: its post was deleted, or no post ever showed it.
            Err(error) if error.downcast_ref().is_some_and(|error: &io::Error| error.kind() == NotFound) => continue,
            Err(error) => return Err(error),
        };
        files.push(Entry { name: format!("{MEDIA}/{name}"), bytes, sha256 });
    }
    Ok(())
}
