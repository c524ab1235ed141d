//! The machine under the private servers: free ports, new folders, accounts, passwords, and installed programs.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::{Gid, Uid, User};
use serde::{Deserialize, Serialize};

/// The range from which free ports are chosen. It lies below the range that the kernel gives to outgoing connections
/// (from 32768 on Linux), so that no client takes the port of a part that is down for a moment.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// The folders of the programs of Debian's packages. An ordinary user's `PATH` lacks `sbin`.
const PROGRAM_FOLDERS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Finds `N` different ports of the loopback address on which nothing listens now. They are not reserved.
pub fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut seen = BTreeSet::new();
    let mut ports = [0; N];
    for port in &mut ports {
        *port = free_port(&mut seen)?;
    }
    Ok(ports)
}

fn free_port(seen: &mut BTreeSet<u16>) -> Result<u16> {
    for _ in 0..1_000 {
        // The port is random, because tests that start at the same moment would all find the same first free port.
        let port = rand::random_range(PORTS);
        // Binding is the one sure test. The listener is closed at once.
        if seen.insert(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("found no free port between {} and {}", PORTS.start, PORTS.end)
}

/// An account with fewer rights than root, as which a server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The numeric user id.
    pub user: u32,
    /// The numeric group id.
    pub group: u32,
}

impl Account {
    /// Chooses an account for a server that refuses to run as root: the first of these names that exists. Returns None
    /// if this process is an ordinary user, as which the server can run.
    ///
    /// # Errors
    /// If this process is root and none of the accounts exists.
    pub fn instead_of_root(names: &[&str]) -> Result<Option<Self>> {
        if !is_root() {
            return Ok(None);
        }
        for name in names {
            if let Some(user) = User::from_name(name)? {
                return Ok(Some(Self { user: user.uid.as_raw(), group: user.gid.as_raw() }));
            }
        }
        bail!("none of these accounts exists: {}", names.join(", "))
    }
}

/// Creates a folder that only its owner may enter: the account if there is one, else this process's user.
pub fn make_folder(path: &Path, owner: Option<Account>) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    give(path, owner)
}

/// Gives a file or folder to the account if there is one.
pub fn give(path: &Path, owner: Option<Account>) -> Result<()> {
    if let Some(owner) = owner {
        let user = Uid::from_raw(owner.user).as_raw();
        let group = Gid::from_raw(owner.group).as_raw();
        chown(path, Some(user), Some(group)).with_context(|| format!("cannot give {} away", path.display()))?;
    }
    Ok(())
}

/// Creates a new folder under the system's temporary one, which is removed when the returned value is dropped.
/// Everybody may pass through it but only its owner may list it, because Postgres runs as another user if root starts
/// it, and has to reach its data inside.
pub fn fresh_folder(purpose: &str) -> Result<tempfile::TempDir> {
    let folder = tempfile::Builder::new()
        .prefix(&format!("chatty-{purpose}-"))
        .tempdir_in(temporary_folder())
        .context("cannot make a temporary folder")?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
    Ok(folder)
}

/// Returns the system's temporary folder. If this process is root and the account of Postgres cannot reach that folder
/// (`TMPDIR` may lie in root's home), returns `/tmp`.
fn temporary_folder() -> PathBuf {
    let folder = std::env::temp_dir();
    if is_root() && !everybody_may_enter(&folder) {
        return PathBuf::from("/tmp");
    }
    folder
}

/// Returns whether everybody may pass through a folder and all folders above it.
fn everybody_may_enter(folder: &Path) -> bool {
    folder
        .ancestors()
        .filter(|part| !part.as_os_str().is_empty())
        .all(|part| fs::metadata(part).is_ok_and(|data| data.permissions().mode() & 0o001 != 0))
}

/// Writes a file that only its owner may read, such as one with a password.
pub fn write_secret(path: &Path, text: &str) -> Result<()> {
    let write = || -> Result<()> {
        // The file is replaced instead of overwritten: an existing file would keep its mode.
        if path.exists() {
            fs::remove_file(path)?;
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        std::io::Write::write_all(&mut options.open(path)?, text.as_bytes())?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Generates a password of 128 random bits.
#[must_use]
pub fn new_password() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Finds the full path of a program, in `PATH` and in the folders of Debian's packages.
pub fn find_program(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(PROGRAM_FOLDERS.into_iter().map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|program| is_program(program))
        .with_context(|| format!("{name} is not installed; testkit/install.sh installs it"))
}

/// Finds the folder with the programs of the newest installed Postgres. Debian's packages keep them outside of `PATH`.
pub fn find_postgres() -> Result<PathBuf> {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    // Versions are compared as numbers: 9 comes before 17.
    let newest = installed
        .filter_map(|entry| {
            let folder = entry.ok()?.path();
            let version: u32 = folder.file_name().and_then(OsStr::to_str)?.parse().ok()?;
            is_program(&folder.join("bin/initdb")).then_some((version, folder.join("bin")))
        })
        .max();
    if let Some((_, folder)) = newest {
        return Ok(folder);
    }
    let initdb = find_program("initdb")?;
    let folder = initdb.parent().context("initdb lies in no folder")?;
    Ok(folder.to_path_buf())
}

/// Finds the folder of RabbitMQ's own scripts. The wrappers of the same names in `sbin` change users or refuse to run.
pub fn find_rabbitmq() -> Result<PathBuf> {
    let folder = PathBuf::from("/usr/lib/rabbitmq/bin");
    ensure!(
        is_program(&folder.join("rabbitmq-server")),
        "rabbitmq-server is not installed; testkit/install.sh installs it"
    );
    Ok(folder)
}

/// Finds the library that gives a program another time (libfaketime), in its version for programs with threads.
pub fn find_faketime() -> Result<PathBuf> {
    let folders = fs::read_dir("/usr/lib")?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).filter(|library| library.exists());
    found.next().context("libfaketime is not installed; testkit/install.sh installs it")
}

/// Returns whether the path is a file that may be executed.
#[must_use]
pub fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// Returns whether this process is root.
#[must_use]
pub fn is_root() -> bool {
    Uid::effective().is_root()
}
