//! A consumer that dies between taking a message and acknowledging it gets the message again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rand::SeedableRng;
use rand::rngs::StdRng;
use sea_orm::DbErr;
use shared::db::{Reads, Tx};
use shared::events::consumer::{ApplyError, Consumer};
use shared::events::{Key, Projection, Streams};
use tokio::time::timeout;

use crate::convergence::{agree, write};
use crate::process::{Link, Process};
use crate::world::{COPIES, Home, Model, OWNER};

/// How long it may take until a message reaches its consumer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Before what a consumer dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crash {
    Apply,
    Commit,
    Acknowledge,
}

/// A projection whose process dies once.
struct Mortal {
    inner: Projection<Model>,
    crash: Crash,
    dead: AtomicBool,
}

impl Mortal {
    fn pass(&self, point: Crash) {
        assert!(point != self.crash || self.dead.swap(true, Ordering::Relaxed), "the process dies here");
    }
}

#[async_trait]
impl Consumer for Mortal {
    type State = Model;

    async fn apply(&self, tx: &mut Tx, states: Vec<Model>) -> Result<(), ApplyError> {
        self.pass(Crash::Apply);
        self.inner.apply(tx, states).await?;
        self.pass(Crash::Commit);
        Ok(())
    }

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<Model>, DbErr> {
        self.inner.page(db, after, limit).await
    }

    async fn delete(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr> {
        self.inner.delete(tx, key, version).await
    }

    fn remembers(&self) -> bool {
        true
    }

    /// Called between commit and acknowledgement.
    fn remember(&self, _states: &[Model]) {
        self.pass(Crash::Acknowledge);
    }
}

/// One message, one crash, one start, nothing else that could bring the message: the copy has it.
pub(crate) async fn check(link: impl Fn() -> Link, home: &Home) {
    let mut rng = StdRng::seed_from_u64(0);
    let mut owner = Process::new(OWNER, home).await;
    owner.start(link());
    let [mortal, bystanders @ ..] = COPIES;
    let mut others = Vec::new();
    for service in bystanders {
        let mut process = Process::new(service, home).await;
        process.start(link());
        others.push(process);
    }
    let mut process = Process::new(mortal, home).await;
    for crash in [Crash::Apply, Crash::Commit, Crash::Acknowledge] {
        let consumer = Mortal { inner: Projection::new(), crash, dead: AtomicBool::new(false) };
        process.start_with(link(), Streams::default().consumer(consumer));
        write(&owner.db, &mut rng, 0, true).await;
        timeout(PATIENCE, process.dies()).await.unwrap();
        process.start(link());
        agree(home, &owner.db, &format!("death before {crash:?}")).await;
        process.kill().await;
    }
    for process in [owner, process].into_iter().chain(others) {
        process.end().await;
    }
}
