//! The data folder of the one-process suite: its lock, its files, and copies of them that survive a power failure.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use shared::config::{Env, Settings};
use shared::services::SERVICE_NAMES;

/// The name of the folder in the data folder that exists while a restore is under way.
const RESTORING: &str = "restoring";

/// Creates the data folder if it does not exist, and locks it. The lock is held until the returned file is dropped.
///
/// # Errors
/// When another process holds the lock, or the folder cannot be used.
pub(crate) fn lock(settings: &Settings) -> anyhow::Result<File> {
    settings.create_data_dir()?;
    let lock = File::create(settings.data_dir.join("chatty.lock"))?;
    // The system releases the lock when the process ends, however it ends, so a crash leaves no lock behind.
    if lock.try_lock().is_err() {
        bail!("CHATTY_DATA_DIR: another chatty is running on {}", settings.data_dir.display());
    }
    Ok(lock)
}

/// Returns the folder in which a restore prepares the files. It lies in the data folder, so that the files can be moved
/// by renaming them.
pub(crate) fn restore_folder(settings: &Settings) -> PathBuf {
    settings.data_dir.join(RESTORING)
}

/// Fails when a restore was interrupted. Some of the databases may then be missing, and a start would create them
/// empty.
pub(crate) fn refuse_interrupted_restore(settings: &Settings) -> anyhow::Result<()> {
    let folder = restore_folder(settings);
    if folder.exists() {
        let data = settings.data_dir.display();
        bail!(
            "a restore into {data} was interrupted ({} is left over): empty {data} and restore again",
            folder.display()
        );
    }
    Ok(())
}

/// The paths of everything that a backup holds.
pub(crate) struct Layout {
    /// The five databases in the order of [`shared::services::SERVICES`], each as its file name and its path.
    pub(crate) databases: Vec<(String, PathBuf)>,
    /// The file of auth's signing key.
    pub(crate) key: PathBuf,
    /// The folder of the pictures.
    pub(crate) media: PathBuf,
}

impl Layout {
    /// Returns the paths that the environment names.
    ///
    /// # Errors
    /// When a setting of auth or posts is not valid.
    pub(crate) fn of(env: &Env, settings: &Settings) -> anyhow::Result<Self> {
        let databases = SERVICE_NAMES.iter().map(|service| format!("{service}.db"));
        Ok(Self {
            databases: databases.map(|name| (name.clone(), settings.data_dir.join(name))).collect(),
            key: auth::Config::from_env(env, settings)?.key_file().to_owned(),
            media: posts::Config::from_env(env, settings)?.media,
        })
    }

    /// Lists the file names of the pictures, sorted. A file with `#` in its name is left out: it is still being
    /// written, and no post refers to it.
    pub(crate) fn pictures(&self) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::new();
        if self.media.is_dir() {
            for entry in fs::read_dir(&self.media)? {
                let name = entry?.file_name();
                names.extend(name.to_str().filter(|name| !name.contains('#')).map(str::to_owned));
            }
        }
        // The order of a folder's entries is arbitrary, and a manifest should not be.
        names.sort();
        Ok(names)
    }
}

/// Returns the size of a file in bytes, and its SHA-256 in hexadecimal digits.
pub(crate) fn checksum(file: &Path) -> anyhow::Result<(u64, String)> {
    let mut reader = File::open(file).with_context(|| file.display().to_string())?;
    copy_and_checksum(&mut reader, &mut std::io::sink()).with_context(|| file.display().to_string())
}

/// Copies a file to a path where none exists, with permissions for its owner alone, and flushes it to the disk. Returns
/// the size and the SHA-256 as [`checksum`] does.
pub(crate) fn copy_file(from: &Path, to: &Path) -> anyhow::Result<(u64, String)> {
    let mut reader = File::open(from).with_context(|| from.display().to_string())?;
    let mut writer = OpenOptions::new()
        .write(true)
        .create_new(true)
        // The mode holds from the first byte on, since the file may hold a key.
        .mode(0o600)
        .open(to)
        .with_context(|| to.display().to_string())?;
    let checksum = copy_and_checksum(&mut reader, &mut writer).with_context(|| to.display().to_string())?;
    writer.sync_all().with_context(|| to.display().to_string())?;
    Ok(checksum)
}

/// Copies all bytes while the checksum is computed, so that the file is read once. Returns the size in bytes and the
/// SHA-256.
fn copy_and_checksum(reader: &mut impl Read, writer: &mut impl Write) -> std::io::Result<(u64, String)> {
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

/// Creates a folder and the folders above it. Only the owner gets permissions for the folder itself.
pub(crate) fn create_folder(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    // The mode is set in any case: the folder may have existed, and the mode of a new one depends on the umask.
    fs::set_permissions(folder, Permissions::from_mode(0o700)).with_context(|| folder.display().to_string())
}

/// Flushes a file, or the names in a folder, to the disk. A rename survives a power failure only when its folder was
/// flushed too.
pub(crate) fn sync_to_disk(path: &Path) -> anyhow::Result<()> {
    File::open(path).and_then(|file| file.sync_all()).with_context(|| path.display().to_string())
}
