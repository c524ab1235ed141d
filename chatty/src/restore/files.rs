//! The files of a restore: they are copied into a folder beside their destination, checked, and then moved into place.

use std::fs;
use std::path::{Component, Path};

use anyhow::{Context, bail};
use shared::db::sqlite;
use shared::services::SERVICE_NAMES;

use crate::backup::{KEY, MEDIA, Manifest};
use crate::data_folder::{self, Layout};
use crate::output::Progress;

/// Copies all files of a backup into the folder `to`, and checks them against the manifest. The databases are checked
/// by SQLite too.
///
/// # Errors
/// When a file is missing or damaged, when its path leads out of the backup, or when `to` cannot be written.
pub(super) async fn copy_and_check(manifest: &Manifest, backup: &Path, to: &Path) -> anyhow::Result<()> {
    let progress = Progress::start("copying the backup");
    data_folder::create_folder(&to.join(MEDIA))?;
    for file in &manifest.files {
        let path = Path::new(&file.name);
        // The manifest may have been written by anybody, and a path with `..` would overwrite a file elsewhere.
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            bail!("{} names a file outside of it: {}", backup.display(), file.name);
        }
        let (bytes, sha256) = data_folder::copy_file(&backup.join(path), &to.join(path))?;
        if (bytes, &sha256) != (file.bytes, &file.sha256) {
            bail!("{} is damaged: it is not the file that was backed up", backup.join(path).display());
        }
    }
    for service in SERVICE_NAMES {
        let name = format!("{service}.db");
        progress.step(format_args!("checking {name}"));
        let copy = to.join(&name);
        if !copy.is_file() {
            bail!("{} is not a complete backup: it has no {name}", backup.display());
        }
        let complaints = sqlite::integrity_errors(&copy).await.with_context(|| format!("{name} of the backup"))?;
        if !complaints.is_empty() {
            bail!("{name} of the backup is damaged: {}", complaints.join("; "));
        }
    }
    Ok(())
}

/// Moves the prepared files to the paths where the suite reads them. A signing key or a picture that exists there is
/// kept. The databases come last, so that a suite whose databases are there has its key and its pictures too.
pub(super) fn put_in_place(prepared: &Path, layout: &Layout) -> anyhow::Result<()> {
    if layout.key.exists() {
        let file = layout.key.display();
        tracing::warn!(%file, "The existing signing key is kept; that of the backup is not used.");
    } else if prepared.join(KEY).is_file() {
        let folder = layout.key.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        copy_whole(&prepared.join(KEY), &layout.key)?;
        data_folder::sync_to_disk(folder)?;
    }
    data_folder::create_folder(&layout.media)?;
    for entry in fs::read_dir(prepared.join(MEDIA))? {
        let entry = entry?;
        let to = layout.media.join(entry.file_name());
        if !to.exists() {
            copy_whole(&entry.path(), &to)?;
        }
    }
    data_folder::sync_to_disk(&layout.media)?;
    for (name, file) in &layout.databases {
        let prepared = prepared.join(name);
        data_folder::sync_to_disk(&prepared)?;
        fs::rename(&prepared, file).with_context(|| file.display().to_string())?;
    }
    let folder = prepared.parent().context("the data folder")?;
    data_folder::sync_to_disk(folder)?;
    // A start is refused as long as this folder exists.
    fs::remove_dir_all(prepared).with_context(|| prepared.display().to_string())?;
    data_folder::sync_to_disk(folder)
}

/// Copies a file to a path where none exists. The copy has the suffix `#0` until it is complete, like a picture that is
/// still being written, so nothing takes a part of it for the whole. A part that an interrupted restore has left behind
/// is replaced.
fn copy_whole(from: &Path, to: &Path) -> anyhow::Result<()> {
    let mut partial = to.as_os_str().to_owned();
    partial.push("#0");
    let partial = Path::new(&partial);
    if partial.exists() {
        fs::remove_file(partial).with_context(|| partial.display().to_string())?;
    }
    data_folder::copy_file(from, partial)?;
    fs::rename(partial, to).with_context(|| to.display().to_string())
}
