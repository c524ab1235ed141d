//! The data folder of the one-process suite: who uses it, and what in it is worth keeping.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use shared::config::{Env, Settings};
use shared::events::topology::SERVICES;

/// A folder in the data folder that is there while a restore is under way.
const RESTORING: &str = "restoring";

/// Makes the data folder if there is none, and keeps others from running on it as long as the file lives.
pub(crate) fn lock(settings: &Settings) -> anyhow::Result<File> {
    settings.create_data_dir()?;
    let lock = File::create(settings.data_dir.join("chatty.lock"))?;
    if lock.try_lock().is_err() {
        bail!("CHATTY_DATA_DIR: another chatty is running on {}", settings.data_dir.display());
    }
    Ok(lock)
}

/// Where a restore prepares the files.
pub(crate) fn restoring(settings: &Settings) -> PathBuf {
    settings.data_dir.join(RESTORING)
}

/// Fails when a restore has ended midway: some of the databases may be missing.
pub(crate) fn refuse_half_restore(settings: &Settings) -> anyhow::Result<()> {
    let folder = restoring(settings);
    if folder.exists() {
        let data = settings.data_dir.display();
        bail!(
            "a restore into {data} was interrupted ({} is left over): empty {data} and restore again",
            folder.display()
        );
    }
    Ok(())
}

/// Where the parts of the suite's data are.
pub(crate) struct Layout {
    /// The five databases with their names.
    pub(crate) databases: Vec<(String, PathBuf)>,
    /// The signing key.
    pub(crate) key: PathBuf,
    /// The pictures.
    pub(crate) media: PathBuf,
}

impl Layout {
    /// As the environment tells.
    pub(crate) fn of(env: &Env, settings: &Settings) -> anyhow::Result<Self> {
        let databases = SERVICES.iter().map(|service| format!("{service}.db"));
        Ok(Self {
            databases: databases.map(|name| (name.clone(), settings.data_dir.join(name))).collect(),
            key: auth::Config::from_env(env, settings)?.key_file().to_owned(),
            media: posts::Config::from_env(env, settings)?.media,
        })
    }

    /// The names of the pictures. One that is being stored has a `#` in its name and is nobody's yet.
    pub(crate) fn pictures(&self) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::new();
        if self.media.is_dir() {
            for entry in fs::read_dir(&self.media)? {
                let name = entry?.file_name();
                names.extend(name.to_str().filter(|name| !name.contains('#')).map(str::to_owned));
            }
        }
        names.sort();
        Ok(names)
    }
}

/// The size and the SHA-256 of a file.
pub(crate) fn sum(file: &Path) -> anyhow::Result<(u64, String)> {
    let mut reader = File::open(file).with_context(|| file.display().to_string())?;
    copy_and_sum(&mut reader, &mut std::io::sink()).with_context(|| file.display().to_string())
}

/// Copies a file to where none is, for its owner alone, and onto the disk.
pub(crate) fn copy(from: &Path, to: &Path) -> anyhow::Result<(u64, String)> {
    let mut reader = File::open(from).with_context(|| from.display().to_string())?;
    let mut writer = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .with_context(|| to.display().to_string())?;
    let sum = copy_and_sum(&mut reader, &mut writer).with_context(|| to.display().to_string())?;
    writer.sync_all().with_context(|| to.display().to_string())?;
    Ok(sum)
}

fn copy_and_sum(reader: &mut impl Read, writer: &mut impl Write) -> std::io::Result<(u64, String)> {
    let (mut digest, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 256 * 1024]);
    loop {
        let read = reader.read(&mut buffer)?;
        let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else { break };
        digest.update(part);
        writer.write_all(part)?;
        bytes += read as u64;
    }
    Ok((bytes, digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// Makes a folder for its owner alone, with those above it.
pub(crate) fn create_folder(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    fs::set_permissions(folder, Permissions::from_mode(0o700)).with_context(|| folder.display().to_string())
}

/// Brings a file or the names in a folder onto the disk.
pub(crate) fn sync(path: &Path) -> anyhow::Result<()> {
    File::open(path).and_then(|file| file.sync_all()).with_context(|| path.display().to_string())
}
