//! One process in a session of its own: started with a clean environment, awaited, and stopped with all
//! that it started. Its description can be written down and taken up again by a later command.

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

const POLL: Duration = Duration::from_millis(40);
const LAST_LINES: usize = 15;

/// Waits for the end of its standard input. A line means that nobody need watch any longer; the
/// bare end means that its owner died, however hard, and so the process and its data go too.
const KEEPER: &str = r#"
trap '' INT TERM HUP
read -r _ && exit 0
kill -s TERM -- "-$1"
sleep 3
kill -s KILL -- "-$1"
[ -z "$2" ] || rm -rf -- "$2"
"#;

/// How to start, await and stop a process.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spec {
    /// Its name in messages, logs and pid files.
    pub name: String,
    /// The program's full path.
    pub program: PathBuf,
    /// The program's arguments.
    pub args: Vec<String>,
    /// Its whole environment, but for `PATH`, which is this process's.
    pub env: BTreeMap<String, String>,
    /// Its working folder.
    pub folder: PathBuf,
    /// Where its output is appended.
    pub log: PathBuf,
    /// The account that it runs as, when not the starter's.
    pub account: Option<Account>,
    /// How to find out that it is ready.
    pub probe: Probe,
    /// How it is asked to end.
    pub ending: Ending,
    /// A start that fails at once is tried again until the deadline: after a hard kill Postgres refuses
    /// for as long as an orphaned backend is alive.
    pub persistent: bool,
    /// How long it may take to be ready.
    pub deadline: Duration,
}

/// How to find out that a process is ready.
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

/// How a process is asked to end; what is left after `patience` is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// SIGTERM: the process finishes what it has begun.
    Term,
    /// SIGINT: Postgres's fast shutdown, which ends its sessions.
    Int,
    /// SIGKILL: nobody will read the data again.
    Kill,
}

/// A process as written down: the start time tells it from a later one with the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The process number, which is its session's and its group's number too.
    pub pid: i32,
    /// The kernel's start time, in ticks since the machine started.
    pub started: u64,
}

impl Identity {
    /// The process that has this number now.
    #[must_use]
    pub fn of(pid: i32) -> Self {
        Self { pid, started: ProcessState::read(pid).map_or(0, |state| state.started) }
    }
}

/// A started process.
#[derive(Debug)]
pub struct Process {
    spec: Spec,
    identity: Identity,
    child: Mutex<Option<Child>>,
    keeper: Mutex<Option<Child>>,
}

impl Process {
    /// Starts it and waits until it is ready. It ends when it is dropped, or with this process, however hard,
    /// and in that case the folder goes too; unless it is detached.
    pub async fn start(spec: Spec, folder: Option<&Path>) -> Result<Self> {
        let end = Instant::now() + spec.deadline;
        loop {
            let process = Self::spawn(spec.clone(), folder)?;
            match process.wait_until(end).await {
                Ok(()) => return Ok(process),
                Err(error) => {
                    let again = spec.persistent && !process.is_alive() && Instant::now() < end;
                    process.stop();
                    if !again {
                        return Err(error);
                    }
                    tokio::time::sleep(POLL * 10).await;
                }
            }
        }
    }

    /// As `start`, without waiting.
    pub fn spawn(spec: Spec, folder: Option<&Path>) -> Result<Self> {
        let start = || -> Result<Child> {
            let log = OpenOptions::new().create(true).append(true).open(&spec.log)?;
            // A session of its own: no Ctrl-C meant for the starter, no hang-up of its terminal.
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
        let keeper = start_keeper(pid, folder)?;
        Ok(Self { spec, identity, child: Mutex::new(Some(child)), keeper: Mutex::new(Some(keeper)) })
    }

    /// Takes up a process that an earlier command started and left running.
    #[must_use]
    pub fn adopt(spec: Spec, identity: Identity) -> Self {
        Self { spec, identity, child: Mutex::new(None), keeper: Mutex::new(None) }
    }

    /// From now on it survives its owner.
    pub fn detach(&self) {
        if let Some(mut keeper) = lock(&self.keeper).take() {
            if let Some(mut input) = keeper.stdin.take() {
                std::io::Write::write_all(&mut input, b"leave it\n").ok();
            }
            keeper.wait().ok();
        }
    }

    /// What it was started from.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Which process it is.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        if let Some(child) = lock(&self.child).as_mut() {
            // Reaps it: a child that nobody has waited for keeps its number.
            return matches!(child.try_wait(), Ok(None));
        }
        ProcessState::read(self.identity.pid)
            .is_some_and(|state| state.started == self.identity.started && !state.ended)
    }

    /// How it ended, when this process started it.
    #[must_use]
    pub fn exit_status(&self) -> Option<ExitStatus> {
        lock(&self.child).as_mut()?.try_wait().ok().flatten()
    }

    /// Waits until it is ready, as long as its description allows.
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

    /// Sends a signal to this process alone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if self.is_alive() {
            nix::sys::signal::kill(Pid::from_raw(self.identity.pid), signal)
                .with_context(|| format!("cannot signal {}", self.spec.name))?;
        }
        Ok(())
    }

    /// Asks it to end, without waiting.
    pub fn ask_to_stop(&self) {
        let signal = match self.spec.ending {
            Ending::Term => Signal::SIGTERM,
            Ending::Int => Signal::SIGINT,
            Ending::Kill => Signal::SIGKILL,
        };
        // An error means that it is gone already, or not ours, and then the wait below finds out.
        self.signal(signal).ok();
    }

    /// Asks it to end, waits, and kills what is left of its group.
    pub fn stop(&self) {
        self.ask_to_stop();
        let patience = match self.spec.ending {
            Ending::Term | Ending::Int => Duration::from_secs(20),
            Ending::Kill => Duration::from_secs(5),
        };
        self.wait_for_end(patience);
        // The group outlives its leader when that was killed hard: nginx's workers still hold the port.
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
    /// A detached process goes on; an attached one ends with its owner.
    fn drop(&mut self) {
        if lock(&self.keeper).is_some() {
            self.stop();
        }
    }
}

impl Probe {
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

/// The broker opens its port early in its start and answers only late: so wait for its first frame, a method
/// (type 1) on channel 0.
async fn greet_broker(port: u16) -> Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
    let mut frame = [0; 3];
    stream.read_exact(&mut frame).await?;
    Ok(frame == [1, 0, 0])
}

async fn ask_readyz(port: u16) -> Result<bool> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let answer = client.get(format!("http://127.0.0.1:{port}/readyz")).send().await?;
    if answer.status() != reqwest::StatusCode::OK {
        return Ok(false);
    }
    let body: serde_json::Value = answer.json().await?;
    Ok(body.get("status").and_then(|status| status.as_str()) != Some("degraded"))
}

fn start_keeper(pid: i32, folder: Option<&Path>) -> Result<Child> {
    Command::new(find_program("setsid")?)
        .args(["/bin/sh", "-c", KEEPER, "keeper"])
        .arg(pid.to_string())
        .arg(folder.unwrap_or(Path::new("")))
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start a keeper")
}

/// The two fields of `/proc/PID/stat` that matter here.
struct ProcessState {
    ended: bool,
    started: u64,
}

impl ProcessState {
    fn read(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold spaces; the state follows it, and the start time 19 fields later.
        let (_, fields) = text.rsplit_once(") ")?;
        let mut fields = fields.split(' ');
        Some(Self { ended: matches!(fields.next()?, "Z" | "X"), started: fields.nth(18)?.parse().ok()? })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
