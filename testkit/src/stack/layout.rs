//! The files in a stack's folder: `state.json`, `env`, `rabbitmqctl`, logs, pid files, and a link to the data.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::servers::machine;
use crate::stack::parts::MAPPER;
use crate::stack::state::Addresses;

/// The folder of a stack: `.stack` in the repository, or a private one.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    root: PathBuf,
}

/// Finds the repository around the current folder: the nearest folder, from the current one upwards, whose `Cargo.toml`
/// has a workspace.
pub fn find_repository() -> Result<PathBuf> {
    let current = std::env::current_dir()?;
    for folder in current.ancestors() {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        if manifest.lines().any(|line| line.trim() == "[workspace]") {
            return Ok(folder.to_path_buf());
        }
    }
    bail!("{} lies in no Cargo workspace", current.display())
}

impl Layout {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn state(&self) -> PathBuf {
        self.root.join("state.json")
    }

    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.root.join("logs").join(format!("{name}.log"))
    }

    /// Creates the folder with a link to the data. The logs and pid files of an earlier stack are removed.
    pub(super) fn create(&self, data: &Path) -> Result<()> {
        machine::make_folder(&self.root, None)?;
        for name in ["logs", "pids"] {
            let folder = self.root.join(name);
            if folder.exists() {
                fs::remove_dir_all(&folder)?;
            }
            machine::make_folder(&folder, None)?;
        }
        let link = self.root.join("data");
        // A link of an earlier stack leads nowhere by now.
        fs::remove_file(&link).ok();
        symlink(data, link).context("cannot link the data")
    }

    /// Writes the pid file of a part, for people and scripts that want to signal it.
    pub(super) fn write_pid(&self, name: &str, pid: i32) -> Result<()> {
        // The port mapper is no part that a person stops or restarts.
        if name == MAPPER {
            return Ok(());
        }
        let path = self.root.join("pids").join(name);
        fs::write(path, format!("{pid}\n")).context("cannot write a pid")
    }

    /// Writes the addresses as shell variables.
    pub(super) fn write_env(&self, addresses: &Addresses) -> Result<()> {
        let mut text = String::new();
        for (name, value) in addresses.variables() {
            writeln!(text, "{name}='{value}'")?;
        }
        machine::write_secret(&self.root.join("env"), &text)
    }

    /// Writes a script that only its owner may read and run, because it may contain secrets.
    pub(super) fn write_script(&self, name: &str, text: &str) -> Result<()> {
        let path = self.root.join(name);
        machine::write_secret(&path, text)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
        Ok(())
    }

    /// Removes the description of the stack, and the folder `data` if one is given. The logs stay.
    pub(super) fn clear(&self, data: Option<&Path>) -> Result<()> {
        for name in ["state.json", "env", "rabbitmqctl", "data"] {
            fs::remove_file(self.root.join(name)).ok();
        }
        fs::remove_dir_all(self.root.join("pids")).ok();
        match data {
            Some(data) if data.exists() => {
                fs::remove_dir_all(data).with_context(|| format!("cannot remove {}", data.display()))
            }
            _ => Ok(()),
        }
    }
}
