//! A disk so small that it can be filled.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::servers::machine::make_folder;

/// A file system in memory that is unmounted when this is dropped.
#[derive(Debug)]
pub struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts one on a folder that does not exist yet. Only root may.
    pub fn mount(path: &Path, mebibytes: u32) -> Result<Self> {
        make_folder(path, None)?;
        let options = format!("size={mebibytes}m,mode=755");
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("tmpfs"), path, Some("tmpfs"), flags, Some(options.as_str())).context("cannot mount a tmpfs")?;
        Ok(Self { path: path.to_path_buf() })
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // It may still be in use by something that is about to end.
        umount2(&self.path, MntFlags::MNT_DETACH).ok();
    }
}
