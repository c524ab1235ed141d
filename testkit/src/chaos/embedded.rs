//! The suite in one process, and its faults: it is killed, it is asked to stop, the power fails. Those of its disk are in
//! [`super::disk`].

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
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::sleep;

use super::Plan;
use super::check;
use super::client::{Api, PICTURE};
use super::faults::{Fault, Kind, output};
use super::ledger::{self, Entry, Outcome};
use super::power::Trace;
use super::system::COMPARISON;
use super::workload::World;
use crate::servers::disk::SmallDisk;
use crate::servers::machine::{find_program, free_ports, fresh_folder};
use crate::servers::process::{Ending, Identity, Probe, Process, Spec};
use crate::stack::SERVICES;

/// How long it may take to end when asked to.
const ENDING: Duration = Duration::from_secs(10);
/// How large its disk is, in MiB, for what there is in any case; a second of writing adds less than one.
const DISK: u64 = 64;
/// What ext4 needs for itself, in MiB.
const JOURNAL: u64 = 32;
/// Moments of one trace at which the power fails, beside its end.
const MOMENTS: usize = 3;

/// `chatty serve` on a data folder of its own.
pub(super) struct Suite {
    chatty: PathBuf,
    ledger: PathBuf,
    spec: Spec,
    // Dropped before the folder.
    process: Option<Process>,
    trace: Option<Trace>,
    /// What was wrong after a power cut.
    pub(super) found: Vec<check::Fault>,
    /// Where the data lies when its disk is going to be bad, or the reason why there is none.
    disk: Result<SmallDisk, String>,
    folder: TempDir,
}

impl Suite {
    /// Starts it on an empty folder; under strace from the first call on, if its power is going to fail.
    pub(super) async fn start(plan: &Plan) -> Result<Self> {
        let folder = fresh_folder("suite")?;
        fs::create_dir(folder.path().join("logs"))?;
        let disk = own_disk(plan, &folder.path().join("disk"));
        let data = disk.as_ref().map_or(folder.path(), SmallDisk::path).join("data");
        fs::create_dir(&data)?;
        let chatty = plan.stack.bin_dir.join("chatty");
        ensure!(chatty.is_file(), "{} is not there; build it first", chatty.display());
        let spec = spec(&chatty, folder.path(), &data)?;
        let (ledger, found) = (plan.ledger.clone(), Vec::new());
        let disk = disk.map_err(|error| format!("{error:#}"));
        let mut suite = Self { chatty, ledger, spec, process: None, trace: None, found, disk, folder };
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

    pub(super) async fn quiet(&self) -> Result<()> {
        quiet(&self.chatty, &self.data()).await
    }

    /// Finds its files sound while it does not run.
    pub(super) async fn sound(&self) -> Result<()> {
        sound(&self.data()).await
    }

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

    /// It has ended.
    pub(super) fn forget(&mut self) {
        self.process = None;
    }

    fn begin_trace(&mut self) -> Result<()> {
        self.trace = Some(Trace::begin(self.folder.path().join("trace"), self.data())?);
        Ok(())
    }

    pub(super) async fn run(&mut self) -> Result<()> {
        let mut spec = self.spec.clone();
        if let Some(trace) = &mut self.trace {
            spec.args.splice(..0, trace.arguments(&spec.program));
            spec.program = find_program("strace")?;
        }
        self.process = Some(Process::start(spec, Some(self.folder.path())).await?);
        Ok(())
    }

    /// SIGKILL: whatever it was doing, it does not go on.
    pub(super) async fn kill(&mut self) -> Result<()> {
        let process = self.process.take().context("it does not run")?;
        let status = fs::read_to_string(format!("/proc/{}/status", process.identity().pid))?;
        let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:")).context("TracerPid")?;
        let strace = Process::adopt(self.spec.clone(), Identity::of(tracer.trim().parse()?));
        process.signal(Signal::SIGKILL)?;
        let end = Instant::now() + ENDING;
        // Strace has the end to write down. It is of the same group, and would die with it.
        while process.is_alive() || (self.trace.is_some() && strace.is_alive()) {
            ensure!(Instant::now() < end, "the process does not die");
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Makes a fault happen. It runs again afterwards, even if something went wrong.
    pub(super) async fn strike(&mut self, fault: Fault, world: &Arc<World>, rng: &mut StdRng) -> Result<()> {
        let struck = self.make(fault, world, rng).await;
        if struck.is_err() && self.process.is_none() {
            self.trace = None;
            self.run().await?;
        }
        struck
    }

    async fn make(&mut self, fault: Fault, world: &Arc<World>, rng: &mut StdRng) -> Result<()> {
        match fault.kind {
            Kind::KillSuite => {
                sleep(Duration::from_millis(rng.random_range(100..3_000))).await;
                self.kill().await?;
                self.sound().await?;
                self.run().await
            }
            Kind::StopSuite => {
                sleep(Duration::from_millis(rng.random_range(100..1_000))).await;
                self.terminate().await?;
                self.sound().await?;
                self.run().await
            }
            Kind::CutPower => self.cut_power(fault, world, rng).await,
            Kind::FillDisk | Kind::FailingDisk | Kind::FixedFiles => self.spoil_disk(fault, world, rng).await,
            Kind::DeletedFiles => self.delete_files(fault, world, rng).await,
            _ => bail!("{} is no fault of one process", fault.name),
        }
    }

    /// SIGTERM; it has to end in time, and well.
    pub(super) async fn terminate(&mut self) -> Result<()> {
        let process = self.process.take().context("it does not run")?;
        let started = Instant::now();
        process.signal(Signal::SIGTERM)?;
        while process.is_alive() {
            ensure!(started.elapsed() < ENDING, "chatty does not end on SIGTERM");
            sleep(Duration::from_millis(20)).await;
        }
        let status = process.exit_status().context("an exit status")?;
        ensure!(status.success(), "chatty ends with {status} on SIGTERM");
        Ok(())
    }

    /// People write; then the power fails, and what the disk has is what there is. Moments before are tried beside.
    async fn cut_power(&mut self, fault: Fault, world: &Arc<World>, rng: &mut StdRng) -> Result<()> {
        if self.trace.is_none() {
            self.kill().await?;
            self.begin_trace()?;
            self.run().await?;
        }
        let uploading = Mutex::default();
        let load = async {
            sleep(Duration::from_millis(rng.random_range(2_000..5_000))).await;
            if rng.random_bool(0.5) {
                // What a process left unsynced when it was killed is read by the next one.
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
        let first = first.max(entries.first().context("an entry")?.sent);
        for _ in 0..MOMENTS {
            let moment = rng.random_range(first..last);
            let folder = self.folder.path().join("moment");
            cut.at(moment, rng, &folder)?;
            let seconds = Duration::from_nanos(moment - first).as_secs_f64();
            let known = at(&entries, moment);
            let shown = pictures.iter().filter(|picture| picture.answered <= moment);
            match self.look_into(&folder, world, &known, shown).await {
                Ok(found) => self.found.extend(found.into_iter().map(|wrong| check::Fault {
                    fault: fault.name.to_owned(),
                    text: format!("{} (the power failed after {seconds:.3} s)", wrong.text),
                    ..wrong
                })),
                Err(error) => world.complain(format!("{}: after {seconds:.3} s: {error:#}", fault.name)),
            }
            fs::remove_dir_all(&folder)?;
        }
        fs::remove_dir_all(self.data())?;
        cut.at(u64::MAX - 1, rng, &self.data())?;
        self.run().await?;
        for picture in &pictures {
            if !picture.is_whole(&world.api).await {
                self.found.push(picture.lost());
            }
        }
        Ok(())
    }

    /// Starts chatty on a folder and compares what it has with what was known.
    async fn look_into(
        &self,
        data: &Path,
        world: &World,
        known: &[Entry],
        pictures: impl Iterator<Item = &Picture>,
    ) -> Result<Vec<check::Fault>> {
        let spec = spec(&self.chatty, self.folder.path(), data)?;
        let api = api(&spec)?;
        let process = Process::start(spec, Some(self.folder.path())).await?;
        quiet(&self.chatty, data).await?;
        let mut found = check::compare(known, check::observe(&api, world, known).await?);
        for picture in pictures {
            if !picture.is_whole(&api).await {
                found.push(picture.lost());
            }
        }
        process.stop();
        sound(data).await?;
        Ok(found)
    }
}

/// A disk that holds what people write in a run of this length, and is filled in a moment. It is in memory, or an ext4
/// where that is possible; the seed decides.
fn own_disk(plan: &Plan, path: &Path) -> Result<SmallDisk> {
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

/// What was known at a moment: an operation that was under way then may have had its effect.
fn at(entries: &[Entry], moment: u64) -> Vec<Entry> {
    let begun = entries.iter().filter(|entry| entry.sent < moment).cloned();
    let known = begun.map(|entry| match entry.answered <= moment {
        true => entry,
        false => Entry { outcome: Outcome::Unknown, ..entry },
    });
    known.collect()
}

/// A picture that was stored.
struct Picture {
    path: String,
    answered: u64,
}

impl Picture {
    async fn is_whole(&self, api: &Api) -> bool {
        let content = api.download(&self.path).await.unwrap_or_default();
        content.starts_with(b"\x89PNG") && content.ends_with(b"IEND\xaeB`\x82")
    }

    fn lost(&self) -> check::Fault {
        check::Fault { kind: check::Wrong::Lost, fault: "E3".to_owned(), text: self.path.clone() }
    }
}

/// Posts pictures, one after the other, for ever.
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

fn spec(chatty: &Path, folder: &Path, data: &Path) -> Result<Spec> {
    let [port] = free_ports()?;
    let name = if data.ends_with("data") { "chatty" } else { "moment" };
    let env: BTreeMap<String, String> = [
        ("CHATTY_LISTEN", format!("127.0.0.1:{port}")),
        ("CHATTY_DATA_DIR", data.display().to_string()),
        ("CHATTY_ENV", "development".to_owned()),
        ("PUBLIC_URL", format!("http://127.0.0.1:{port}")),
        (COMPARISON.0, COMPARISON.1.to_owned()),
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

/// Waits until the copies of a running suite equal their owners, and no event or dead letter waits.
async fn quiet(chatty: &Path, data: &Path) -> Result<()> {
    check::quiet(operator(chatty, data), async || {
        let dead = output(operator(chatty, data).args(["dead-letters", "list"])).await?;
        if dead.trim() != "0 dead letters" {
            return Ok(dead);
        }
        // Its exit code is about other things, too.
        let found = operator(chatty, data).args(["doctor", "--json"]).kill_on_drop(true).output().await?.stdout;
        let found: Vec<Value> = serde_json::from_slice(&found)?;
        for service in SERVICES {
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

/// Finds every file of a suite sound that does not run.
async fn sound(data: &Path) -> Result<()> {
    for service in SERVICES {
        let sound = sqlite(data, service, "PRAGMA integrity_check").await?;
        ensure!(sound.trim() == "ok", "the database of {service}: {sound}");
    }
    Ok(())
}

async fn sqlite(data: &Path, service: &str, statement: &str) -> Result<String> {
    let file = data.join(format!("{service}.db"));
    output(Command::new("sqlite3").args(["-readonly", "-cmd", ".timeout 5000"]).arg(file).arg(statement)).await
}
