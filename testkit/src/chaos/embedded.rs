//! The suite in one process, and the faults of that process: it is killed (E1), it is asked to stop (E2), the power
//! fails (E3). The faults of its disk are in [`super::disk`].

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::sys::signal::Signal;
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::Value;
use shared::services::SERVICE_NAMES;
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::sleep;

use super::Plan;
use super::check;
use super::client::{Api, PICTURE};
use super::faults::{Fault, Kind, output};
use super::ledger::{self, Entry, Outcome};
use super::power::Trace;
use super::system::COMPARE_SECONDS;
use super::workload::World;
use crate::servers::disk::SmallDisk;
use crate::servers::machine::{find_program, free_ports, fresh_folder};
use crate::servers::process::{Ending, Identity, Probe, Process, Spec};

/// The limit for the process to end after SIGTERM, and to be gone after SIGKILL.
const END_LIMIT: Duration = Duration::from_secs(10);
/// The size of the disk in MiB at the start of a run. A second of writing adds less than one MiB.
const DISK: u64 = 64;
/// The room that ext4 needs for its journal and metadata, in MiB.
const JOURNAL: u64 = 32;
/// The number of moments within one trace at which a power cut is tried, besides the one at its end.
const CUTS_PER_TRACE: usize = 3;

/// `chatty serve` on a data folder of its own.
pub(super) struct Suite {
    /// The path of the program `chatty`.
    chatty: PathBuf,
    ledger: PathBuf,
    spec: Spec,
    // This is dropped before the folder that the process works in.
    process: Option<Process>,
    /// The trace of the running process; None unless the power is going to fail.
    trace: Option<Trace>,
    /// The anomalies that faults have found while they were injected.
    pub(super) anomalies: Vec<check::Anomaly>,
    /// The disk under the data, if a fault of the disk is going to be injected; else the reason for its absence.
    disk: Result<SmallDisk, String>,
    folder: TempDir,
}

impl Suite {
    /// Starts the suite on an empty folder. If the power is going to fail, the process runs under strace from its first
    /// call on, because the creation of the databases is a moment at which the power may fail.
    pub(super) async fn start(plan: &Plan) -> Result<Self> {
        let folder = fresh_folder("suite")?;
        fs::create_dir(folder.path().join("logs"))?;
        let disk = mount_disk(plan, &folder.path().join("disk"));
        let data = disk.as_ref().map_or(folder.path(), SmallDisk::path).join("data");
        fs::create_dir(&data)?;
        let chatty = plan.stack.bin_dir.join("chatty");
        ensure!(chatty.is_file(), "{} is not there; build it first", chatty.display());
        let spec = spec(&chatty, folder.path(), &data)?;
        let (ledger, anomalies) = (plan.ledger.clone(), Vec::new());
        let disk = disk.map_err(|error| format!("{error:#}"));
        let mut suite = Self { chatty, ledger, spec, process: None, trace: None, anomalies, disk, folder };
        if plan.faults.iter().any(|fault| fault.kind == Kind::CutPower) {
            suite.begin_trace()?;
        }
        suite.run().await?;
        Ok(suite)
    }

    pub(super) fn url(&self) -> String {
        url(&self.spec)
    }

    pub(super) fn api(&self) -> Result<Api> {
        api(&self.spec)
    }

    pub(super) fn logs(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    pub(super) fn operator(&self) -> Command {
        operator(&self.chatty, &self.data())
    }

    pub(super) async fn await_quiet(&self) -> Result<()> {
        await_quiet(&self.chatty, &self.data()).await
    }

    /// Checks the integrity of all database files. The process must not be running.
    pub(super) async fn check_integrity(&self) -> Result<()> {
        check_integrity(&self.data()).await
    }

    /// Returns the data folder.
    pub(super) fn data(&self) -> PathBuf {
        self.disk.as_ref().map_or(self.folder.path(), SmallDisk::path).join("data")
    }

    pub(super) fn disk(&self) -> Result<&SmallDisk> {
        self.disk.as_ref().map_err(|reason| anyhow!("it has no disk of its own: {reason}"))
    }

    pub(super) fn pid(&self) -> Result<i32> {
        Ok(self.process.as_ref().context("it does not run")?.identity().pid)
    }

    pub(super) fn is_alive(&self) -> bool {
        self.process.as_ref().is_some_and(Process::is_alive)
    }

    /// Forgets a process that has ended by itself.
    pub(super) fn forget_process(&mut self) {
        self.process = None;
    }

    fn begin_trace(&mut self) -> Result<()> {
        self.trace = Some(Trace::begin(self.folder.path().join("trace"), self.data())?);
        Ok(())
    }

    /// Starts the process, under strace while there is a trace, and waits until it is ready.
    pub(super) async fn run(&mut self) -> Result<()> {
        let mut spec = self.spec.clone();
        if let Some(trace) = &mut self.trace {
            spec.args.splice(..0, trace.arguments(&spec.program));
            spec.program = find_program("strace")?;
        }
        self.process = Some(Process::start(spec, Some(self.folder.path())).await?);
        Ok(())
    }

    /// Kills the process (SIGKILL), and waits until it is gone and its trace is complete.
    pub(super) async fn kill(&mut self) -> Result<()> {
        let process = self.process.take().context("it does not run")?;
        let status = fs::read_to_string(format!("/proc/{}/status", process.identity().pid))?;
        let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:")).context("TracerPid")?;
        let strace = Process::adopt(self.spec.clone(), Identity::of(tracer.trim().parse()?));
        process.signal(Signal::SIGKILL)?;
        let end = Instant::now() + END_LIMIT;
        // Strace still has to write down how the process ended. It belongs to the process's group, which is killed when
        // `process` is dropped, so both ends are awaited first.
        while process.is_alive() || (self.trace.is_some() && strace.is_alive()) {
            ensure!(Instant::now() < end, "the process does not die");
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Injects a fault, and ends it. The process runs again afterwards, even after an error.
    pub(super) async fn inject(&mut self, fault: Fault, world: &Arc<World>, rng: &mut StdRng) -> Result<()> {
        let injected = self.make(fault, world, rng).await;
        if injected.is_err() && self.process.is_none() {
            // Clients are still running, and would wait for answers in vain. A trace that was broken off is of no use.
            self.trace = None;
            self.run().await?;
        }
        injected
    }

    async fn make(&mut self, fault: Fault, world: &Arc<World>, rng: &mut StdRng) -> Result<()> {
        match fault.kind {
            Kind::KillSuite => {
                sleep(Duration::from_millis(rng.random_range(100..3_000))).await;
                self.kill().await?;
                self.check_integrity().await?;
                self.run().await
            }
            Kind::StopSuite => {
                sleep(Duration::from_millis(rng.random_range(100..1_000))).await;
                self.terminate().await?;
                self.check_integrity().await?;
                self.run().await
            }
            Kind::CutPower => self.cut_power(fault, world, rng).await,
            Kind::FillDisk | Kind::FailingDisk | Kind::FixedFiles => self.spoil_disk(fault, world, rng).await,
            Kind::DeletedFiles => self.delete_files(fault, world, rng).await,
            _ => bail!("{} is no fault of one process", fault.name),
        }
    }

    /// Asks the process to end (SIGTERM). It has to end within 10 s and with status 0.
    pub(super) async fn terminate(&mut self) -> Result<()> {
        let process = self.process.take().context("it does not run")?;
        let started = Instant::now();
        process.signal(Signal::SIGTERM)?;
        while process.is_alive() {
            ensure!(started.elapsed() < END_LIMIT, "chatty does not end on SIGTERM");
            sleep(Duration::from_millis(20)).await;
        }
        let status = process.exit_status().context("an exit status")?;
        ensure!(status.success(), "chatty ends with {status} on SIGTERM");
        Ok(())
    }

    /// Waits for some seconds while clients write, and then simulates a power failure (E3): the suite goes on with the
    /// data that a disk would have kept. The data of some earlier moments is checked too, each time by another process.
    async fn cut_power(&mut self, fault: Fault, world: &Arc<World>, rng: &mut StdRng) -> Result<()> {
        if self.trace.is_none() {
            // A trace has to begin with the first call of a process, since it tells which descriptor is which file.
            self.kill().await?;
            self.begin_trace()?;
            self.run().await?;
        }
        let uploading = Mutex::default();
        let load = async {
            sleep(Duration::from_millis(rng.random_range(2_000..5_000))).await;
            if rng.random_bool(0.5) {
                // The next process reads what the killed one has written and not synced, which the kernel still holds.
                self.kill().await?;
                self.run().await?;
                sleep(Duration::from_millis(rng.random_range(100..2_000))).await;
            }
            self.kill().await
        };
        tokio::select! {
            killed = load => killed?,
            () = upload(world, &uploading) => {}
        }
        let pictures = uploading.into_inner().unwrap_or_else(PoisonError::into_inner);
        let cut = self.trace.take().context("a trace")?.end()?;
        let entries = ledger::read(&self.ledger)?;
        let (first, last) = cut.span()?;
        // Before its first entry the ledger knows of nothing that could be lost.
        let first = first.max(entries.first().context("an entry")?.sent);
        for _ in 0..CUTS_PER_TRACE {
            let moment = rng.random_range(first..last);
            let folder = self.folder.path().join("moment");
            cut.write_disk_at(moment, rng, &folder)?;
            let seconds = Duration::from_nanos(moment - first).as_secs_f64();
            let known = known_at(&entries, moment);
            let stored = pictures.iter().filter(|picture| picture.answered <= moment);
            match self.compare_folder(&folder, world, &known, stored).await {
                Ok(found) => self.anomalies.extend(found.into_iter().map(|anomaly| check::Anomaly {
                    fault: fault.name.to_owned(),
                    text: format!("{} (the power failed after {seconds:.3} s)", anomaly.text),
                    ..anomaly
                })),
                Err(error) => world.complain(format!("{}: after {seconds:.3} s: {error:#}", fault.name)),
            }
            fs::remove_dir_all(&folder)?;
        }
        fs::remove_dir_all(self.data())?;
        // This moment lies after every call of the trace, so only the changes that were never synced are uncertain.
        cut.write_disk_at(u64::MAX - 1, rng, &self.data())?;
        self.run().await?;
        for picture in &pictures {
            if !picture.is_whole(&world.api).await {
                self.anomalies.push(picture.as_lost());
            }
        }
        Ok(())
    }

    /// Starts chatty on a folder, and compares its data with the entries of the ledger and with the pictures that were
    /// acknowledged.
    async fn compare_folder(
        &self,
        data: &Path,
        world: &World,
        known: &[Entry],
        pictures: impl Iterator<Item = &Picture>,
    ) -> Result<Vec<check::Anomaly>> {
        let spec = spec(&self.chatty, self.folder.path(), data)?;
        let api = api(&spec)?;
        let process = Process::start(spec, Some(self.folder.path())).await?;
        await_quiet(&self.chatty, data).await?;
        let mut found = check::compare(known, check::observe(&api, world, known).await?);
        for picture in pictures {
            if !picture.is_whole(&api).await {
                found.push(picture.as_lost());
            }
        }
        process.stop();
        check_integrity(data).await?;
        Ok(found)
    }
}

/// Mounts a disk that is large enough for a run of this length, and small enough to be filled in a moment. With even
/// seeds it is an ext4 on a loop device if this machine can mount one, and otherwise a disk in memory.
///
/// # Errors
/// If no fault of the plan needs such a disk, or if nothing can be mounted.
fn mount_disk(plan: &Plan, path: &Path) -> Result<SmallDisk> {
    let wanted = |fault: &Fault| matches!(fault.kind, Kind::FillDisk | Kind::FailingDisk | Kind::FixedFiles);
    ensure!(plan.faults.iter().any(wanted), "none of the faults needs one");
    let mebibytes = DISK + plan.duration.as_secs();
    if plan.seed.is_multiple_of(2) {
        let ext4 = SmallDisk::mount_ext4(path, mebibytes + JOURNAL);
        if ext4.is_ok() {
            return ext4;
        }
    }
    SmallDisk::mount(path, mebibytes)
}

/// Returns the ledger as it was at a moment. Operations that were under way then have an unknown outcome.
fn known_at(entries: &[Entry], moment: u64) -> Vec<Entry> {
    let begun = entries.iter().filter(|entry| entry.sent < moment).cloned();
    let known = begun.map(|entry| match entry.answered <= moment {
        true => entry,
        false => Entry { outcome: Outcome::Unknown, ..entry },
    });
    known.collect()
}

/// A picture whose upload was acknowledged.
struct Picture {
    path: String,
    /// The time of the acknowledgement, in nanoseconds since 1970.
    answered: u64,
}

impl Picture {
    /// Returns whether the picture can be downloaded with its first and its last bytes.
    async fn is_whole(&self, api: &Api) -> bool {
        let content = api.download(&self.path).await.unwrap_or_default();
        content.starts_with(b"\x89PNG") && content.ends_with(b"IEND\xaeB`\x82")
    }

    fn as_lost(&self) -> check::Anomaly {
        check::Anomaly { kind: check::AnomalyKind::Lost, fault: "E3".to_owned(), text: self.path.clone() }
    }
}

/// Posts pictures, one after the other, until this future is dropped. Each picture that was acknowledged is added to
/// `pictures`.
async fn upload(world: &World, pictures: &Mutex<Vec<Picture>>) {
    loop {
        match world.api.upload(&world.extra, PICTURE).await {
            Ok((201, body)) => {
                let path = body["post"]["image_url"].as_str().unwrap_or_default().to_owned();
                let picture = Picture { path, answered: ledger::now() };
                pictures.lock().unwrap_or_else(PoisonError::into_inner).push(picture);
            }
            // A person may post 100 pictures a day.
            Ok((429 | 503, _)) | Err(_) => {}
            Ok((status, body)) => world.complain(format!("E3: a picture gets {status} {body}")),
        }
        sleep(Duration::from_millis(250)).await;
    }
}

/// Returns the description of a process that serves a data folder on a free port.
fn spec(chatty: &Path, folder: &Path, data: &Path) -> Result<Spec> {
    let [port] = free_ports()?;
    let name = if data.ends_with("data") { "chatty" } else { "moment" };
    let env: BTreeMap<String, String> = [
        ("CHATTY_LISTEN", format!("127.0.0.1:{port}")),
        ("CHATTY_DATA_DIR", data.display().to_string()),
        ("CHATTY_ENV", "development".to_owned()),
        ("PUBLIC_URL", format!("http://127.0.0.1:{port}")),
        (COMPARE_SECONDS.0, COMPARE_SECONDS.1.to_owned()),
        ("RUST_LOG", "info".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    Ok(Spec {
        name: name.to_owned(),
        program: chatty.to_path_buf(),
        args: vec!["serve".to_owned()],
        env,
        folder: folder.to_path_buf(),
        log: folder.join("logs").join(format!("{name}.log")),
        account: None,
        probe: Probe::Readyz(port),
        ending: Ending::Term,
        persistent: false,
        deadline: Duration::from_secs(60),
    })
}

fn url(spec: &Spec) -> String {
    spec.env.get("PUBLIC_URL").cloned().unwrap_or_default()
}

fn api(spec: &Spec) -> Result<Api> {
    Api::new(&url(spec), &format!("{}/dev/mail", url(spec)))
}

fn operator(chatty: &Path, data: &Path) -> Command {
    let mut command = Command::new(chatty);
    command.env("CHATTY_DATA_DIR", data);
    command
}

/// Waits until the copies of a running suite equal their owners, every outbox is empty, and there is no dead letter.
async fn await_quiet(chatty: &Path, data: &Path) -> Result<()> {
    check::await_quiet(operator(chatty, data), async || {
        let dead = output(operator(chatty, data).args(["dead-letters", "list"])).await?;
        if dead.trim() != "0 dead letters" {
            return Ok(dead);
        }
        // Only the outboxes are read from the diagnosis. Its exit status is about other things, too.
        let found = operator(chatty, data).args(["doctor", "--json"]).kill_on_drop(true).output().await?.stdout;
        let found: Vec<Value> = serde_json::from_slice(&found)?;
        for service in SERVICE_NAMES {
            let outbox = found.iter().find(|finding| finding["check"] == format!("outbox of {service}"));
            let waits = outbox.and_then(|finding| finding["found"].as_str()).context("an outbox")?;
            if !waits.starts_with("0 events wait") {
                return Ok(format!("{service}: {waits}"));
            }
        }
        Ok(String::new())
    })
    .await
}

/// Runs SQLite's integrity check on every file of a suite that does not run.
async fn check_integrity(data: &Path) -> Result<()> {
    for service in SERVICE_NAMES {
        let answer = sqlite(data, service, "PRAGMA integrity_check").await?;
        ensure!(answer.trim() == "ok", "the database of {service}: {answer}");
    }
    Ok(())
}

async fn sqlite(data: &Path, service: &str, statement: &str) -> Result<String> {
    let file = data.join(format!("{service}.db"));
    output(Command::new("sqlite3").args(["-readonly", "-cmd", ".timeout 5000"]).arg(file).arg(statement)).await
}
