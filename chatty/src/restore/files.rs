//! The files of a backup on their way into the data folder.

use std::fs;
use std::path::{Component, Path};

use anyhow::{Context, bail};
use shared::db::sqlite;
use shared::events::topology::SERVICES;

use crate::backup::{KEY, MEDIA, Manifest};
use crate::data_folder::{self, Layout};
use crate::output::Progress;

/// Copies all files of a backup, as long as they are what the manifest says.
pub(super) async fn copy(manifest: &Manifest, backup: &Path, to: &Path) -> anyhow::Result<()> {
    let progress = Progress::start("copying the backup");
    data_folder::create_folder(&to.join(MEDIA))?;
    for file in &manifest.files {
        let path = Path::new(&file.name);
        if !path.components().all(|part| matches!(part, Component::Normal(_))) {
            bail!("{} names a file outside of it: {}", backup.display(), file.name);
        }
        let (bytes, sha256) = data_folder::copy(&backup.join(path), &to.join(path))?;
        if (bytes, &sha256) != (file.bytes, &file.sha256) {
            bail!("{} is damaged: it is not the file that was backed up", backup.join(path).display());
        }
    }
    for service in SERVICES {
        let name = format!("{service}.db");
        progress.step(format_args!("checking {name}"));
        let copy = to.join(&name);
        if !copy.is_file() {
            bail!("{} is no whole backup: it has no {name}", backup.display());
        }
        let complaints = sqlite::complaints(&copy).await.with_context(|| format!("{name} of the backup"))?;
        if !complaints.is_empty() {
            bail!("{name} of the backup is damaged: {}", complaints.join("; "));
        }
    }
    Ok(())
}

/// Moves the prepared files to where the suite looks for them, the databases last.
pub(super) fn put_in_place(prepared: &Path, layout: &Layout) -> anyhow::Result<()> {
    if layout.key.exists() {
        tracing::warn!(file = %layout.key.display(), "The signing key that is there stays.");
    } else if prepared.join(KEY).is_file() {
        let folder = layout.key.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        put(&prepared.join(KEY), &layout.key)?;
        data_folder::sync(folder)?;
    }
    data_folder::create_folder(&layout.media)?;
    for entry in fs::read_dir(prepared.join(MEDIA))? {
        let entry = entry?;
        let to = layout.media.join(entry.file_name());
        if !to.exists() {
            put(&entry.path(), &to)?;
        }
    }
    data_folder::sync(&layout.media)?;
    for (name, file) in &layout.databases {
        let prepared = prepared.join(name);
        data_folder::sync(&prepared)?;
        fs::rename(&prepared, file).with_context(|| file.display().to_string())?;
    }
    let folder = prepared.parent().context("the data folder")?;
    data_folder::sync(folder)?;
    // From here on a start is allowed.
    fs::remove_dir_all(prepared).with_context(|| prepared.display().to_string())?;
    data_folder::sync(folder)
}

/// Copies a file to where none is; it gets its name when it is whole. Until then it has a `#` and digits at the end, as
/// pictures have that are being stored, and what a restore that was cut off has left is replaced.
fn put(from: &Path, to: &Path) -> anyhow::Result<()> {
    let mut half = to.as_os_str().to_owned();
    half.push("#0");
    let half = Path::new(&half);
    if half.exists() {
        fs::remove_file(half).with_context(|| half.display().to_string())?;
    }
    data_folder::copy(from, half)?;
    fs::rename(half, to).with_context(|| to.display().to_string())
}
