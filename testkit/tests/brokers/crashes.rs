//! Crashes of a consumer between taking a message and acknowledging it: it has to get the message again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rand::SeedableRng;
use rand::rngs::StdRng;
use sea_orm::DbErr;
use shared::db::Reads;
use shared::events::{ApplyError, Consumer, Key, Memory, Projection, StoredCopy, Streams};
use shared::work::Tx;
use tokio::time::timeout;

use crate::convergence::{await_agreement, write_randomly};
use crate::process::{Link, Process};
use crate::world::{COPIES, Databases, Model, OWNER};

/// The limit for a message to reach its consumer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The step before which a consumer dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crash {
    Apply,
    Commit,
    Acknowledge,
}

/// A single crash before a step, as a panic.
#[derive(Clone)]
struct CrashOnce {
    before: Crash,
    has_crashed: Arc<AtomicBool>,
}

impl CrashOnce {
    /// Panics if the crash is planned before this step and has not happened yet.
    fn reach(&self, step: Crash) {
        assert!(step != self.before || self.has_crashed.swap(true, Ordering::Relaxed), "the process dies here");
    }
}

/// A projection that crashes once.
struct CrashingConsumer {
    inner: Projection<Model>,
    crash: CrashOnce,
}

#[async_trait]
impl Consumer for CrashingConsumer {
    type State = Model;

    async fn apply(&self, tx: &mut Tx, states: Vec<Model>) -> Result<(), ApplyError> {
        self.crash.reach(Crash::Apply);
        self.inner.apply(tx, states).await?;
        self.crash.reach(Crash::Commit);
        Ok(())
    }

    fn memory(&self) -> Option<&dyn Memory<Model>> {
        Some(&self.crash)
    }
}

#[async_trait]
impl StoredCopy for CrashingConsumer {
    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<Model>, DbErr> {
        self.inner.page(db, after, limit).await
    }

    async fn delete(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr> {
        self.inner.delete(tx, key, version).await
    }
}

#[async_trait]
impl Memory<Model> for CrashOnce {
    /// Crashes before the acknowledgement, since the runner calls this after the commit and before it acknowledges.
    fn remember(&self, _states: &[Model]) {
        self.reach(Crash::Acknowledge);
    }

    fn forget(&self, _key: &Key) {}

    async fn load(&self, _db: &Reads) -> Result<(), DbErr> {
        Ok(())
    }
}

/// Checks each crash by itself: one message, one crash, one start. Nothing else could bring the message, so a copy that
/// has it in the end has received it again.
pub(crate) async fn check(link: impl Fn() -> Link, databases: &Databases) {
    let mut rng = StdRng::seed_from_u64(0);
    let mut owner = Process::new(OWNER, databases).await;
    owner.start(link());
    // The in-process broker confirms a message only if all its consumers have it, so the other two run as well.
    let [crashing, other_copies @ ..] = COPIES;
    let mut others = Vec::new();
    for service in other_copies {
        let mut process = Process::new(service, databases).await;
        process.start(link());
        others.push(process);
    }
    let mut process = Process::new(crashing, databases).await;
    for before in [Crash::Apply, Crash::Commit, Crash::Acknowledge] {
        let crash = CrashOnce { before, has_crashed: Arc::default() };
        let consumer = CrashingConsumer { inner: Projection::new(), crash };
        process.start_with(link(), Streams::default().consumer(consumer));
        write_randomly(&owner.db, &mut rng, 0, true).await;
        timeout(PATIENCE, process.wait_for_crash()).await.unwrap();
        process.start(link());
        await_agreement(databases, &owner.db, &format!("death before {before:?}")).await;
        process.kill().await;
    }
    for process in [owner, process].into_iter().chain(others) {
        process.end().await;
    }
}
