//! One process in a session of its own: started with a clean environment, awaited until it is ready, and stopped with
//! all that it has started.
//!
//! A `Spec` describes a process and can be stored, so that a later command can adopt the process. A watchdog beside
//! each process stops it if the starting process dies, even by SIGKILL; otherwise servers of an aborted test would run
//! for ever.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::servers::machine::{Account, find_program};

/// The interval in which readiness is probed.
const POLL: Duration = Duration::from_millis(40);
/// The number of lines of the log that an error quotes.
const LAST_LINES: usize = 15;

/// The watchdog's script. It waits for the end of its standard input, whose other end the owner holds. A line before
/// the end means that the watch is over. The bare end means that the owner has died, so the script kills the process
/// group `$1` and removes the folder `$2`.
const WATCHDOG: &str = r#"
trap '' INT TERM HUP
read -r _ && exit 0
kill -s TERM -- "-$1"
sleep 3
kill -s KILL -- "-$1"
[ -z "$2" ] || rm -rf -- "$2"
"#;

/// The description of a process: the way to start it, to await it, and to stop it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// The name in messages, logs and pid files.
    pub name: String,
    /// The program's full path.
    pub program: PathBuf,
    /// The program's arguments.
    pub args: Vec<String>,
    /// The whole environment, except for `PATH`, which is inherited.
    pub env: BTreeMap<String, String>,
    /// The working folder.
    pub folder: PathBuf,
    /// The file to which standard output and standard error are appended.
    pub log: PathBuf,
    /// The account that the process runs as; None for that of this program.
    pub account: Option<Account>,
    /// The test that tells whether the process is ready.
    pub probe: Probe,
    /// The way to ask the process to end.
    pub ending: Ending,
    /// If true, a start that fails at once is tried again until the deadline. After a SIGKILL Postgres refuses to start
    /// as long as an orphaned backend is alive.
    pub persistent: bool,
    /// The time that the process may take to become ready.
    pub deadline: Duration,
}

/// The test for a process's readiness.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Probe {
    /// A command that succeeds.
    Command(PathBuf, Vec<String>),
    /// A port of the loopback address that accepts connections.
    Port(u16),
    /// A broker on this port that answers the AMQP greeting.
    Amqp(u16),
    /// A 200 from `/readyz` on this port whose `status` is not `degraded`.
    Readyz(u16),
}

/// The way in which a process is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// SIGTERM: the process finishes its work. It is killed after 20 s.
    Term,
    /// SIGINT: Postgres's fast shutdown, which ends its sessions. It is killed after 20 s.
    Int,
    /// SIGKILL, for a server whose data nobody will read again.
    Kill,
}

/// The identity of a process. The start time tells it from a later process with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The process id, which is also the id of its session and of its group.
    pub pid: i32,
    /// The start time in the kernel's ticks since the machine started; 0 for a process that has ended.
    pub started: u64,
}

impl Identity {
    /// Returns the identity of the process that has this id now.
    #[must_use]
    pub fn of(pid: i32) -> Self {
        Self { pid, started: ProcessState::read(pid).map_or(0, |state| state.started) }
    }
}

/// A process that was started or adopted.
#[derive(Debug)]
pub struct Process {
    spec: Spec,
    identity: Identity,
    /// The child; None if an earlier command started the process.
    child: Mutex<Option<Child>>,
    /// The watchdog; None if the process is detached or adopted.
    watchdog: Mutex<Option<Child>>,
}

impl Process {
    /// Starts a process and waits until it is ready.
    ///
    /// Unless the process is detached, it ends when the returned value is dropped, and also if this program dies. In
    /// the second case `folder` is removed, too.
    ///
    /// # Errors
    /// If the process ends before it is ready, or is not ready by its deadline. The error quotes the end of its log.
    pub async fn start(spec: Spec, folder: Option<&Path>) -> Result<Self> {
        let end = Instant::now() + spec.deadline;
        loop {
            let process = Self::spawn(spec.clone(), folder)?;
            match process.wait_until(end).await {
                Ok(()) => return Ok(process),
                Err(error) => {
                    let may_retry = spec.persistent && !process.is_alive() && Instant::now() < end;
                    process.stop();
                    if !may_retry {
                        return Err(error);
                    }
                    tokio::time::sleep(POLL * 10).await;
                }
            }
        }
    }

    /// Starts a process as [`Process::start`] does, without waiting until it is ready.
    pub fn spawn(spec: Spec, folder: Option<&Path>) -> Result<Self> {
        let start = || -> Result<Child> {
            let log = OpenOptions::new().create(true).append(true).open(&spec.log)?;
            // In a session of its own, the process gets neither the Ctrl-C nor the hang-up of the terminal that are
            // meant for its starter.
            let mut command = Command::new(find_program("setsid")?);
            command
                .arg(&spec.program)
                .args(&spec.args)
                .env_clear()
                .env("PATH", std::env::var_os("PATH").unwrap_or_default())
                .envs(&spec.env)
                .current_dir(&spec.folder)
                .stdin(Stdio::null())
                .stdout(log.try_clone()?)
                .stderr(log);
            if let Some(account) = spec.account {
                command.uid(account.user).gid(account.group);
            }
            Ok(command.spawn()?)
        };
        let child = start().with_context(|| format!("cannot start {}", spec.name))?;
        let pid = i32::try_from(child.id()).context("a process number beyond 2^31")?;
        let identity = Identity::of(pid);
        let watchdog = start_watchdog(pid, folder)?;
        Ok(Self { spec, identity, child: Mutex::new(Some(child)), watchdog: Mutex::new(Some(watchdog)) })
    }

    /// Adopts a process that an earlier command has started and left running. Dropping the returned value does not end
    /// the process.
    #[must_use]
    pub fn adopt(spec: Spec, identity: Identity) -> Self {
        Self { spec, identity, child: Mutex::new(None), watchdog: Mutex::new(None) }
    }

    /// Dismisses the watchdog, so that the process survives this program.
    pub fn detach(&self) {
        if let Some(mut watchdog) = lock(&self.watchdog).take() {
            if let Some(mut input) = watchdog.stdin.take() {
                // Any line ends the watch. Closing the pipe without one would end the process.
                std::io::Write::write_all(&mut input, b"leave it\n").ok();
            }
            watchdog.wait().ok();
        }
    }

    /// Returns the description from which the process was started.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Returns the process id and the start time of the process.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Returns whether the process still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        if let Some(child) = lock(&self.child).as_mut() {
            // This also reaps the child: one that nobody has waited for stays a zombie and keeps its id.
            return matches!(child.try_wait(), Ok(None));
        }
        ProcessState::read(self.identity.pid)
            .is_some_and(|state| state.started == self.identity.started && !state.ended)
    }

    /// Returns the exit status of the process, if it has ended and this program has started it; otherwise None.
    #[must_use]
    pub fn exit_status(&self) -> Option<ExitStatus> {
        lock(&self.child).as_mut()?.try_wait().ok().flatten()
    }

    /// Waits until the process is ready, for as long as its description allows.
    ///
    /// # Errors
    /// If the process ends first, or is not ready in time.
    pub async fn wait_until_ready(&self) -> Result<()> {
        self.wait_until(Instant::now() + self.spec.deadline).await
    }

    async fn wait_until(&self, end: Instant) -> Result<()> {
        let name = &self.spec.name;
        loop {
            if !self.is_alive() {
                bail!("{name} ended before it was ready\n{}", self.last_lines());
            }
            if self.spec.probe.answers().await {
                return Ok(());
            }
            if Instant::now() >= end {
                let seconds = self.spec.deadline.as_secs();
                bail!("{name} was not ready after {seconds} s\n{}", self.last_lines());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn last_lines(&self) -> String {
        let log = &self.spec.log;
        let text = fs::read(log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let start = lines.len().saturating_sub(LAST_LINES);
        let last = lines.get(start..).unwrap_or_default().join("\n");
        format!("the last lines of {}:\n{last}", log.display())
    }

    /// Sends a signal to this process alone, not to its group. Does nothing if the process has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if self.is_alive() {
            nix::sys::signal::kill(Pid::from_raw(self.identity.pid), signal)
                .with_context(|| format!("cannot signal {}", self.spec.name))?;
        }
        Ok(())
    }

    /// Asks the process to end, in the way that its description names, and does not wait.
    pub fn ask_to_stop(&self) {
        let signal = match self.spec.ending {
            Ending::Term => Signal::SIGTERM,
            Ending::Int => Signal::SIGINT,
            Ending::Kill => Signal::SIGKILL,
        };
        // An error means that the process has ended already, or belongs to another user. The wait for its end finds
        // out.
        self.signal(signal).ok();
    }

    /// Asks the process to end, waits for its end, and kills everything that is left of its process group.
    pub fn stop(&self) {
        self.ask_to_stop();
        let patience = match self.spec.ending {
            Ending::Term | Ending::Int => Duration::from_secs(20),
            Ending::Kill => Duration::from_secs(5),
        };
        self.wait_for_end(patience);
        // A group outlives a leader that was killed: nginx's workers, for example, still hold its port.
        killpg(Pid::from_raw(self.identity.pid), Signal::SIGKILL).ok();
        self.wait_for_end(Duration::from_secs(5));
        self.detach();
    }

    fn wait_for_end(&self, patience: Duration) {
        let end = Instant::now() + patience;
        while self.is_alive() && Instant::now() < end {
            std::thread::sleep(POLL / 4);
        }
    }
}

impl Drop for Process {
    /// Stops the process, unless it is detached or adopted.
    fn drop(&mut self) {
        if lock(&self.watchdog).is_some() {
            self.stop();
        }
    }
}

impl Probe {
    /// Returns whether the process proves to be ready within 3 s.
    async fn answers(&self) -> bool {
        let attempt = async {
            match self {
                Self::Command(program, args) => tokio::process::Command::new(program)
                    .args(args)
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .kill_on_drop(true)
                    .status()
                    .await
                    .is_ok_and(|status| status.success()),
                Self::Port(port) => TcpStream::connect(("127.0.0.1", *port)).await.is_ok(),
                Self::Amqp(port) => greet_broker(*port).await.unwrap_or(false),
                Self::Readyz(port) => ask_readyz(*port).await.unwrap_or(false),
            }
        };
        tokio::time::timeout(Duration::from_secs(3), attempt).await.unwrap_or(false)
    }
}

/// Returns whether a broker replies to the AMQP greeting with a method frame (type 1) on channel 0. RabbitMQ opens its
/// port early in its start and replies only late, so an open port is not enough.
async fn greet_broker(port: u16) -> Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
    let mut frame = [0; 3];
    stream.read_exact(&mut frame).await?;
    Ok(frame == [1, 0, 0])
}

/// Returns whether `/readyz` on a port says that the service is ready. Degraded is not ready here: tests want all
/// parts.
async fn ask_readyz(port: u16) -> Result<bool> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let answer = client.get(format!("http://127.0.0.1:{port}/readyz")).send().await?;
    if answer.status() != reqwest::StatusCode::OK {
        return Ok(false);
    }
    let body: serde_json::Value = answer.json().await?;
    Ok(body.get("status").and_then(|status| status.as_str()) != Some("degraded"))
}

fn start_watchdog(pid: i32, folder: Option<&Path>) -> Result<Child> {
    Command::new(find_program("setsid")?)
        .args(["/bin/sh", "-c", WATCHDOG, "watchdog"])
        .arg(pid.to_string())
        .arg(folder.unwrap_or(Path::new("")))
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start a watchdog")
}

/// The two fields of `/proc/PID/stat` that tell processes apart.
struct ProcessState {
    ended: bool,
    started: u64,
}

impl ProcessState {
    fn read(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may contain spaces, so fields are counted from its end: the state is the first one,
        // and the start time comes 19 fields later.
        let (_, fields) = text.rsplit_once(") ")?;
        let mut fields = fields.split(' ');
        Some(Self { ended: matches!(fields.next()?, "Z" | "X"), started: fields.nth(18)?.parse().ok()? })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
