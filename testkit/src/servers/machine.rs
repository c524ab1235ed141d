//! What a private server needs from the machine: free ports, a fresh folder, an account, its program.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::{Gid, Uid, User};
use serde::{Deserialize, Serialize};

/// Lies below the range that the kernel hands to outgoing connections (from 32768 on Linux), so that no
/// client takes the port of a part that is down for a moment.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// Where the programs of Debian's packages lie; an ordinary user's `PATH` lacks `sbin`.
const PROGRAM_FOLDERS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Several different ports of the loopback address that nobody listens on now.
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
        let port = rand::random_range(PORTS);
        if seen.insert(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("found no free port between {} and {}", PORTS.start, PORTS.end)
}

/// The account that a server gives its rights up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The numeric user.
    pub user: u32,
    /// The numeric group.
    pub group: u32,
}

impl Account {
    /// For a server that refuses root: the first of these names that exists, or none when this process is
    /// an ordinary user, which needs no other.
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

/// Makes a private folder, owned by the account when there is one.
pub fn make_folder(path: &Path, owner: Option<Account>) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    give(path, owner)
}

/// Hands a file or folder to the account when there is one.
pub fn give(path: &Path, owner: Option<Account>) -> Result<()> {
    if let Some(owner) = owner {
        let user = Uid::from_raw(owner.user).as_raw();
        let group = Gid::from_raw(owner.group).as_raw();
        chown(path, Some(user), Some(group)).with_context(|| format!("cannot give {} away", path.display()))?;
    }
    Ok(())
}

/// A fresh folder under the system's temporary one. Everybody may pass through it, nobody but the owner may
/// list it: Postgres runs as another user when root starts it, and must reach its data inside.
pub fn fresh_folder(purpose: &str) -> Result<tempfile::TempDir> {
    let folder = tempfile::Builder::new()
        .prefix(&format!("chatty-{purpose}-"))
        .tempdir_in(temporary_folder())
        .context("cannot make a temporary folder")?;
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
    Ok(folder)
}

/// `TMPDIR` may lie in root's home, where the account that Postgres runs as cannot go.
fn temporary_folder() -> PathBuf {
    let folder = std::env::temp_dir();
    if is_root() && !everybody_may_enter(&folder) {
        return PathBuf::from("/tmp");
    }
    folder
}

fn everybody_may_enter(folder: &Path) -> bool {
    folder
        .ancestors()
        .filter(|part| !part.as_os_str().is_empty())
        .all(|part| fs::metadata(part).is_ok_and(|data| data.permissions().mode() & 0o001 != 0))
}

/// Writes a file that only its owner may read: it holds a password.
pub fn write_secret(path: &Path, text: &str) -> Result<()> {
    let write = || -> Result<()> {
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

/// A password of 128 random bits.
#[must_use]
pub fn new_password() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// The full path of a program.
pub fn find_program(name: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(PROGRAM_FOLDERS.into_iter().map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|program| is_program(program))
        .with_context(|| format!("{name} is not installed; testkit/install.sh installs it"))
}

/// The folder with the programs of the newest Postgres.
pub fn find_postgres() -> Result<PathBuf> {
    let installed = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
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

/// RabbitMQ's own script. The wrapper of the same name in `sbin` changes users or refuses.
pub fn find_rabbitmq() -> Result<PathBuf> {
    let folder = PathBuf::from("/usr/lib/rabbitmq/bin");
    ensure!(
        is_program(&folder.join("rabbitmq-server")),
        "rabbitmq-server is not installed; testkit/install.sh installs it"
    );
    Ok(folder)
}

/// The library that tells a program another time.
pub fn find_faketime() -> Result<PathBuf> {
    let folders = fs::read_dir("/usr/lib")?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).filter(|library| library.exists());
    found.next().context("libfaketime is not installed; testkit/install.sh installs it")
}

/// Whether this is a file that may be executed.
#[must_use]
pub fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// Whether this process is root.
#[must_use]
pub fn is_root() -> bool {
    Uid::effective().is_root()
}
