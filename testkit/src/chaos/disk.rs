//! The disk under the suite in one process: it is full, its calls fail, its files cannot be changed, or are deleted.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use tokio::time::sleep;

use super::embedded::Suite;
use super::faults::{Fault, Kind};
use super::probes::Probes;
use super::settle;
use super::system;
use super::workload::World;
use crate::servers::disk::{FailingCalls, Filler, Immutable};
use crate::servers::machine::find_program;
use crate::stack::SERVICES;

/// How long it may take until all is well again, once the disk is.
const HEALING: Duration = Duration::from_secs(20);
/// A disk that stays full refuses something in this time.
const REFUSAL: Duration = Duration::from_secs(30);
/// How long it may take until it is noticed that a file is gone.
const NOTICING: Duration = Duration::from_secs(3);
/// The calls by which SQLite changes its files, and those by which it makes changes last.
const CHANGES: &str = "pwrite64,ftruncate,fallocate";
const SYNCS: &str = "fsync,fdatasync";

/// What is wrong with the disk, until this ends.
enum Trouble {
    /// It is full; the room that somebody gives back is taken too, or not.
    Full(Filler, bool),
    Failing(FailingCalls),
    Immutable {
        _files: Immutable,
    },
}

impl Suite {
    /// The disk is bad for a while, while people write, and good again. All has to be well then without a start. It is
    /// stopped only afterwards, in one of the two ways.
    pub(super) async fn spoil_disk(&mut self, fault: Fault, world: &Arc<World>, rng: &mut StdRng) -> Result<()> {
        let length = Duration::from_millis(rng.random_range(3_000..12_000));
        let mut probes = Probes::default();
        world.bad_disk.store(true, Ordering::Relaxed);
        let endured = self.endure(fault, world, rng, &mut probes, length).await;
        if endured.is_ok()
            && let Err(error) = settle(async || system::are_ready(&[self.url()]).await, world, HEALING).await
        {
            world.complain(format!("{}: after the disk was good again: {error:#}", fault.name));
        }
        world.bad_disk.store(false, Ordering::Relaxed);
        endured?;
        probes.go_on(world, Duration::from_millis(rng.random_range(500..2_000))).await;
        self.found.extend(probes.look(world, "while it runs").await);
        self.start_again(fault, world, rng).await?;
        self.found.extend(probes.look(world, "after the start").await);
        Ok(())
    }

    /// Stops it in one of the two ways, and starts it.
    async fn start_again(&mut self, fault: Fault, world: &World, rng: &mut StdRng) -> Result<()> {
        if !self.is_alive() {
            world.complain(format!("{}: chatty ended by itself", fault.name));
            self.forget();
        } else if rng.random_bool(0.5) {
            self.terminate().await?;
        } else {
            self.kill().await?;
        }
        self.sound().await?;
        self.run().await
    }

    /// Somebody deletes the file of a copy with all that belongs to it, or the log of a service, while people write. All has
    /// to be well without a start.
    pub(super) async fn delete_files(&mut self, fault: Fault, world: &Arc<World>, rng: &mut StdRng) -> Result<()> {
        sleep(Duration::from_millis(rng.random_range(100..1_000))).await;
        if rng.random_bool(0.5) {
            for file in ["recommendations.db", "recommendations.db-wal"] {
                fs::remove_file(self.data().join(file))?;
            }
        } else {
            let service = SERVICES.choose(rng).context("a service")?;
            fs::remove_file(self.data().join(format!("{service}.db-wal")))?;
        }
        sleep(NOTICING).await;
        if let Err(error) = settle(async || system::are_ready(&[self.url()]).await, world, HEALING).await {
            world.complain(format!("{}: after files were deleted: {error:#}", fault.name));
        }
        self.start_again(fault, world, rng).await
    }

    async fn endure(
        &self,
        fault: Fault,
        world: &World,
        rng: &mut StdRng,
        probes: &mut Probes,
        length: Duration,
    ) -> Result<()> {
        let mut trouble = self.begin(fault, rng).await?;
        let stays_full = matches!(trouble, Trouble::Full(_, true));
        let started = Instant::now();
        while started.elapsed() < length || (stays_full && probes.refused == 0 && started.elapsed() < REFUSAL) {
            if let Trouble::Full(filler, true) = &mut trouble {
                filler.top_up()?;
            }
            if probes.write_and_read(world).await
                && let Ok(readiness) = system::readiness(&self.url()).await
            {
                probes.note_readiness(&readiness);
            }
            sleep(Duration::from_millis(50)).await;
        }
        if let Trouble::Failing(failing) = trouble {
            failing.end().await?;
        } else {
            drop(trouble);
        }
        probes.judge_readiness(world);
        if stays_full && probes.refused == 0 {
            world.complain(format!("{}: a full disk refused nothing", fault.name));
        }
        Ok(())
    }

    async fn begin(&self, fault: Fault, rng: &mut StdRng) -> Result<Trouble> {
        Ok(match fault.kind {
            Kind::FillDisk => Trouble::Full(self.disk()?.fill()?, rng.random_bool(0.5)),
            Kind::FailingDisk => {
                let calls = [format!("{CHANGES},{SYNCS}"), SYNCS.to_owned(), CHANGES.to_owned()];
                let calls = calls.choose(rng).context("calls")?;
                let when = ["1+1", "1+3"].choose(rng).context("a choice")?;
                Trouble::Failing(FailingCalls::begin(self.pid()?, calls, "EIO", when).await?)
            }
            // Files in memory that are open can still be changed, whatever `chattr` says.
            Kind::FixedFiles if rng.random_bool(0.5) || self.disk().is_ok_and(|disk| disk.kind() == "tmpfs") => {
                Trouble::Failing(FailingCalls::begin(self.pid()?, CHANGES, "EROFS", "1+1").await?)
            }
            Kind::FixedFiles => {
                let files = fs::read_dir(self.data())?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
                let mut files: Vec<_> = files.into_iter().filter(|path| path.is_file()).collect();
                // Nothing can be created then, either.
                files.extend(rng.random_bool(0.5).then(|| self.data()));
                Trouble::Immutable { _files: Immutable::make(files)? }
            }
            _ => bail!("{} is no fault of a disk", fault.name),
        })
    }

    /// The faults of a disk that this machine does not allow, and why.
    pub(super) async fn impossible(&self) -> Vec<(&'static str, String)> {
        let mut without = Vec::new();
        if let Err(error) = self.disk() {
            without.push(("E4", format!("{error:#}")));
        }
        if let Err(error) = try_tracing().await {
            without.push(("E5", format!("{error:#}")));
            without.push(("E6", format!("{error:#}")));
        } else if let Err(error) = self.try_immutable() {
            without.push(("E6", format!("{error:#}")));
        }
        without
    }

    fn try_immutable(&self) -> Result<()> {
        let file = self.data().with_file_name("immutable");
        fs::write(&file, "")?;
        let made = Immutable::make(vec![file.clone()]).map(drop);
        fs::remove_file(file)?;
        made
    }
}

/// Whether a process that runs already may be traced.
async fn try_tracing() -> Result<()> {
    let mut sleeper = tokio::process::Command::new(find_program("sleep")?).arg("60").kill_on_drop(true).spawn()?;
    let pid = i32::try_from(sleeper.id().context("a process number")?)?;
    let tried = async { FailingCalls::begin(pid, SYNCS, "EIO", "1+1").await?.end().await };
    let tried = tried.await;
    sleeper.kill().await?;
    tried
}
