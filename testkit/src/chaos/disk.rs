//! The faults of the disk under the suite in one process: it is full (E4), system calls fail (E5), its files cannot be
//! changed (E6), or files are deleted (E7).
//!
//! The process has to survive all of them without a restart. It is restarted only after it has recovered, to check that
//! its files hold the same as its memory.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use shared::services::SERVICE_NAMES;
use tokio::time::sleep;

use super::await_recovery;
use super::embedded::Suite;
use super::faults::{Fault, Kind};
use super::probes::Probes;
use super::system;
use super::workload::World;
use crate::servers::disk::{FailingCalls, Filler, Immutable};
use crate::servers::machine::find_program;

/// The longest time until the suite has to have recovered after the disk is good again.
const RECOVERY_LIMIT: Duration = Duration::from_secs(20);
/// The longest time until a suite whose disk stays full has to refuse a write.
const REFUSAL_LIMIT: Duration = Duration::from_secs(30);
/// The time in which a service notices that a file is gone: each service checks its files every 2 s.
const DETECTION: Duration = Duration::from_secs(3);
/// The system calls by which SQLite changes its files.
const CHANGE_CALLS: &str = "pwrite64,ftruncate,fallocate";
/// The system calls by which SQLite makes changes last.
const SYNC_CALLS: &str = "fsync,fdatasync";

/// A trouble with the disk, which ends when this is dropped.
enum Trouble {
    /// The disk is full. If the flag is true, room that is freed meanwhile is taken as well.
    Full(Filler, bool),
    /// Some system calls fail.
    Failing(FailingCalls),
    /// The files cannot be changed.
    Immutable { _files: Immutable },
}

impl Suite {
    /// Fills the disk, makes system calls fail, or makes files immutable for 3 to 12 s under load, and then ends this
    /// trouble (E4 to E6). The process has to recover without a restart. Afterwards it is stopped, by SIGTERM or
    /// SIGKILL, and started again.
    pub(super) async fn spoil_disk(&mut self, fault: Fault, world: &Arc<World>, rng: &mut StdRng) -> Result<()> {
        let length = Duration::from_millis(rng.random_range(3_000..12_000));
        let mut probes = Probes::default();
        world.bad_disk.store(true, Ordering::Relaxed);
        let endured = self.write_during_trouble(fault, world, rng, &mut probes, length).await;
        // The flag stays set until the recovery, since refusals until then have the same reason.
        if endured.is_ok()
            && let Err(error) =
                await_recovery(async || system::are_ready(&[self.url()]).await, world, RECOVERY_LIMIT).await
        {
            world.complain(format!("{}: after the disk was good again: {error:#}", fault.name));
        }
        world.bad_disk.store(false, Ordering::Relaxed);
        endured?;
        probes.write_and_read_for(world, Duration::from_millis(rng.random_range(500..2_000))).await;
        self.anomalies.extend(probes.find_anomalies(world, "while it runs").await);
        self.restart(fault, world, rng).await?;
        self.anomalies.extend(probes.find_anomalies(world, "after the start").await);
        Ok(())
    }

    /// Stops the process by SIGTERM or SIGKILL, as the seed decides, checks its files, and starts it.
    async fn restart(&mut self, fault: Fault, world: &World, rng: &mut StdRng) -> Result<()> {
        if !self.is_alive() {
            world.complain(format!("{}: chatty ended by itself", fault.name));
            self.forget_process();
        } else if rng.random_bool(0.5) {
            self.terminate().await?;
        } else {
            self.kill().await?;
        }
        self.check_integrity().await?;
        self.run().await
    }

    /// Deletes files under load (E7): the database of recommendations, which only keeps copies, with its write-ahead
    /// log, or the write-ahead log of any service. The process has to recover without a restart. The file of an owner
    /// is never deleted: only a backup brings it back.
    pub(super) async fn delete_files(&mut self, fault: Fault, world: &Arc<World>, rng: &mut StdRng) -> Result<()> {
        sleep(Duration::from_millis(rng.random_range(100..1_000))).await;
        if rng.random_bool(0.5) {
            for file in ["recommendations.db", "recommendations.db-wal"] {
                fs::remove_file(self.data().join(file))?;
            }
        } else {
            let service = SERVICE_NAMES.choose(rng).context("a service")?;
            fs::remove_file(self.data().join(format!("{service}.db-wal")))?;
        }
        // Until then the service may still say `ready`, and the recovery would seem to be over.
        sleep(DETECTION).await;
        if let Err(error) = await_recovery(async || system::are_ready(&[self.url()]).await, world, RECOVERY_LIMIT).await
        {
            world.complain(format!("{}: after files were deleted: {error:#}", fault.name));
        }
        self.restart(fault, world, rng).await
    }

    /// Begins the trouble of a fault, writes and reads until `length` is over, and ends the trouble. If the disk stays
    /// full, goes on until a write is refused, for 30 s at most.
    async fn write_during_trouble(
        &self,
        fault: Fault,
        world: &World,
        rng: &mut StdRng,
        probes: &mut Probes,
        length: Duration,
    ) -> Result<()> {
        let mut trouble = self.begin_trouble(fault, rng).await?;
        // SQLite may find room in pages that it has already, so the first refusal can take a while.
        let stays_full = matches!(trouble, Trouble::Full(_, true));
        let started = Instant::now();
        while started.elapsed() < length || (stays_full && probes.refused == 0 && started.elapsed() < REFUSAL_LIMIT) {
            if let Trouble::Full(filler, true) = &mut trouble {
                filler.top_up()?;
            }
            if probes.write_and_read(world).await
                && let Ok(readiness) = system::read_readiness(&self.url()).await
            {
                probes.record_readiness(&readiness);
            }
            sleep(Duration::from_millis(50)).await;
        }
        if let Trouble::Failing(failing) = trouble {
            // Awaited here, because a drop would block a thread until strace has let go of the process.
            failing.end().await?;
        } else {
            drop(trouble);
        }
        probes.check_readiness(world);
        if stays_full && probes.refused == 0 {
            world.complain(format!("{}: a full disk refused nothing", fault.name));
        }
        Ok(())
    }

    /// Begins the trouble of a fault, in a variant that the seed decides.
    async fn begin_trouble(&self, fault: Fault, rng: &mut StdRng) -> Result<Trouble> {
        Ok(match fault.kind {
            Kind::FillDisk => Trouble::Full(self.disk()?.fill()?, rng.random_bool(0.5)),
            Kind::FailingDisk => {
                let calls = [format!("{CHANGE_CALLS},{SYNC_CALLS}"), SYNC_CALLS.to_owned(), CHANGE_CALLS.to_owned()];
                let calls = calls.choose(rng).context("calls")?;
                // Either each call fails, or each third one of a thread, so that a transaction may fail in its middle.
                let when = ["1+1", "1+3"].choose(rng).context("a choice")?;
                Trouble::Failing(FailingCalls::begin(self.pid()?, calls, "EIO", when).await?)
            }
            // On a tmpfs `chattr +i` does not affect files that are open already, so the calls have to fail instead.
            Kind::FixedFiles if rng.random_bool(0.5) || self.disk().is_ok_and(|disk| disk.kind() == "tmpfs") => {
                Trouble::Failing(FailingCalls::begin(self.pid()?, CHANGE_CALLS, "EROFS", "1+1").await?)
            }
            Kind::FixedFiles => {
                let files = fs::read_dir(self.data())?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
                let mut files: Vec<_> = files.into_iter().filter(|path| path.is_file()).collect();
                // With the folder itself among them, no file can be created either.
                files.extend(rng.random_bool(0.5).then(|| self.data()));
                Trouble::Immutable { _files: Immutable::make(files)? }
            }
            _ => bail!("{} is no fault of a disk", fault.name),
        })
    }

    /// Returns the faults of the disk that this machine does not allow, each with the reason.
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

    /// Tries to make a file immutable on the disk of the data.
    fn try_immutable(&self) -> Result<()> {
        let file = self.data().with_file_name("immutable");
        fs::write(&file, "")?;
        let made = Immutable::make(vec![file.clone()]).map(drop);
        fs::remove_file(file)?;
        made
    }
}

/// Tries to trace a process that runs already. Containers and hardened kernels often forbid this.
async fn try_tracing() -> Result<()> {
    let mut sleeper = tokio::process::Command::new(find_program("sleep")?).arg("60").kill_on_drop(true).spawn()?;
    let pid = i32::try_from(sleeper.id().context("a process number")?)?;
    let tried = async { FailingCalls::begin(pid, SYNC_CALLS, "EIO", "1+1").await?.end().await };
    let tried = tried.await;
    sleeper.kill().await?;
    tried
}
