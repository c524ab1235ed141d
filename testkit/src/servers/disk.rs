//! Disks that fail: a small one that can be filled, files that cannot be changed, and system calls that return errors.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::servers::machine::{find_program, make_folder};

/// The limit for strace to attach to a process, and to detach from it.
const ATTACH_LIMIT: Duration = Duration::from_secs(10);

/// A small file system of its own, which is unmounted when this is dropped.
#[derive(Debug)]
pub struct SmallDisk {
    path: PathBuf,
    kind: &'static str,
}

impl SmallDisk {
    /// Mounts a file system in memory (tmpfs) of this size on a folder that does not exist yet.
    ///
    /// # Errors
    /// If this process may not mount, for which it has to be root.
    pub fn mount(path: &Path, mebibytes: u64) -> Result<Self> {
        make_folder(path, None)?;
        let options = format!("size={mebibytes}m,mode=755");
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("tmpfs"), path, Some("tmpfs"), flags, Some(options.as_str())).context("cannot mount a tmpfs")?;
        Ok(Self { path: path.to_path_buf(), kind: "tmpfs" })
    }

    /// Mounts an ext4 of this size on a folder that does not exist yet, from an image beside the folder. Unlike a tmpfs
    /// it has a journal, and its files obey `chattr +i` also while they are open.
    ///
    /// # Errors
    /// If this process may not mount, or if the machine has no loop devices or no `mkfs.ext4`.
    pub fn mount_ext4(path: &Path, mebibytes: u64) -> Result<Self> {
        make_folder(path, None)?;
        let image = path.with_extension("img");
        File::create(&image)?.set_len(mebibytes * 1024 * 1024)?;
        run(Command::new(find_program("mkfs.ext4")?).args(["-q", "-F"]).arg(&image))?;
        run(Command::new(find_program("mount")?).args(["-o", "loop"]).args([&image, path]))?;
        Ok(Self { path: path.to_path_buf(), kind: "ext4" })
    }

    /// Returns the folder on which the disk is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the name of the file system: `tmpfs` or `ext4`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Takes all the room that is left on the disk, with a file that is removed when the returned value is dropped.
    pub fn fill(&self) -> Result<Filler> {
        let path = self.path.join("filler");
        let mut filler = Filler { file: File::create(&path)?, path };
        filler.top_up()?;
        Ok(filler)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The disk is only detached, because a process that is about to end may still use it, and a plain unmount would
        // fail.
        umount2(&self.path, MntFlags::MNT_DETACH).ok();
    }
}

/// A file that takes all the room of a disk. It is removed when this is dropped.
#[derive(Debug)]
pub struct Filler {
    file: File,
    path: PathBuf,
}

impl Filler {
    /// Takes the room that has been freed since the last time.
    pub fn top_up(&mut self) -> Result<()> {
        // Large pieces first, since they are quick; then single blocks, so that nothing is left.
        for size in [1024 * 1024, 4096] {
            let zeros = vec![0; size];
            loop {
                match self.file.write(&zeros) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error).context("the disk cannot be filled"),
                }
            }
        }
        Ok(())
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        std::fs::remove_file(&self.path).ok();
    }
}

/// Files that nobody can change, not even root, until this is dropped (`chattr +i`).
#[derive(Debug)]
pub struct Immutable(Vec<PathBuf>);

impl Immutable {
    /// Makes files and folders immutable.
    ///
    /// # Errors
    /// If this process is not root, or if the file system does not know the attribute.
    pub fn make(paths: Vec<PathBuf>) -> Result<Self> {
        // On an error this is dropped, which undoes the files that were made immutable already.
        let made = Self(paths);
        run(Command::new(find_program("chattr")?).arg("+i").args(&made.0))?;
        // Pages in memory that are already dirty could still be changed. Once they are written, a process that changes
        // a mapped page of these files gets SIGBUS.
        nix::unistd::sync();
        Ok(made)
    }
}

impl Drop for Immutable {
    fn drop(&mut self) {
        if let Ok(chattr) = find_program("chattr") {
            run(Command::new(chattr).arg("-i").args(&self.0)).ok();
        }
    }
}

/// A running process some of whose system calls fail until this is dropped. Strace is attached to the process and
/// returns the errors in the kernel's place, so no module of the kernel is needed.
#[derive(Debug)]
pub struct FailingCalls {
    strace: std::process::Child,
    pid: i32,
}

impl FailingCalls {
    /// Makes system calls of all threads of a process fail. `calls` are their names (`fsync,fdatasync`), `error` is the
    /// error's name (`EIO`), and `when` tells in the notation of strace which of the calls fail, such as `1+3` for each
    /// third call of a thread. A failing call has no effect. The calls fail from the moment when this returns.
    ///
    /// # Errors
    /// If strace may not trace the process, or does not attach within 10 s.
    pub async fn begin(pid: i32, calls: &str, error: &str, when: &str) -> Result<Self> {
        let strace = Command::new(find_program("strace")?)
            .args(["-f", "-q", "-o", "/dev/null", "-e", &format!("trace={calls}")])
            .args(["-e", &format!("inject={calls}:error={error}:when={when}"), "-p", &pid.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let mut failing = Self { strace, pid };
        let end = Instant::now() + ATTACH_LIMIT;
        while !is_traced(pid)? {
            ensure!(failing.strace.try_wait()?.is_none(), "strace may not trace a process");
            ensure!(Instant::now() < end, "strace does not take hold of a process");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(failing)
    }

    /// Detaches strace from the process, whose calls succeed again when this returns.
    pub async fn end(mut self) -> Result<()> {
        self.ask_to_end();
        let end = Instant::now() + ATTACH_LIMIT;
        while self.strace.try_wait()?.is_none() || is_traced(self.pid).unwrap_or(false) {
            ensure!(Instant::now() < end, "strace does not let go of a process");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    fn ask_to_end(&mut self) {
        if let (Ok(None), Ok(pid)) = (self.strace.try_wait(), i32::try_from(self.strace.id())) {
            kill(Pid::from_raw(pid), Signal::SIGTERM).ok();
        }
    }
}

impl Drop for FailingCalls {
    fn drop(&mut self) {
        self.ask_to_end();
        self.strace.wait().ok();
    }
}

/// Returns whether a tracer is attached to every thread of a process.
fn is_traced(pid: i32) -> Result<bool> {
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may have ended meanwhile.
        let Ok(status) = std::fs::read_to_string(thread?.path().join("status")) else { continue };
        if status.lines().any(|line| line == "TracerPid:\t0") {
            return Ok(false);
        }
    }
    Ok(true)
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let program = command.get_program().to_string_lossy().into_owned();
        bail!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
