//! Whatever is lost, repeated, reordered or killed: in the end every copy equals its owner.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use sea_orm::{ActiveValue::Set, EntityTrait, IntoActiveModel, PaginatorTrait};
use shared::db::Db;
use shared::events::broker::Broker;
use shared::events::consumer::Context;
use shared::events::{self, outbox, reconcile, relay, resync};
use shared::lifecycle::Cancel;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::faults::FaultyBroker;
use crate::world::{self, COPIES, Entity, Home, Model, OWNER, streams};

/// How many changes the owner makes, and to how many things: few enough that each changes often.
const CHANGES: usize = 300;
const THINGS: i64 = 12;
/// How long the copies may take once the faults have ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// One process: it can be killed at any await, and started again on the same database.
struct Process {
    service: &'static str,
    db: Db,
    tasks: Vec<JoinHandle<()>>,
}

impl Process {
    fn start(&mut self, broker: &Arc<dyn Broker>) {
        let streams = streams(self.service);
        let cancel = Cancel::new();
        let context =
            Context { service: self.service, db: self.db.clone(), broker: Arc::clone(broker), cancel: cancel.clone() };
        self.tasks.push(tokio::spawn(relay::run(self.db.clone(), Arc::clone(broker), cancel)));
        let resync = resync::run(context.clone(), streams.sources.clone(), streams.consumers.clone());
        self.tasks.push(tokio::spawn(resync));
        for consumer in streams.consumers {
            let context = context.clone();
            self.tasks.push(tokio::spawn(async move { consumer.run(context).await }));
        }
    }

    async fn kill(&mut self) {
        for task in self.tasks.drain(..) {
            task.abort();
            // Ended, not only asked to: a killed process does nothing any more.
            assert!(task.await.is_err_and(|error| error.is_cancelled()));
        }
    }
}

/// Runs a random history with `replicas` processes of each copying service.
pub(crate) async fn check(seed: u64, broker: Arc<dyn Broker>, home: &Home, replicas: usize) {
    let mut rng = StdRng::seed_from_u64(seed);
    let faulty = Arc::new(FaultyBroker::new(broker, seed));
    let broker = Arc::clone(&faulty) as Arc<dyn Broker>;
    let owner = home.open(OWNER).await;
    let mut processes = vec![Process { service: OWNER, db: owner.clone(), tasks: Vec::new() }];
    for service in COPIES {
        for _ in 0..replicas {
            processes.push(Process { service, db: home.open(service).await, tasks: Vec::new() });
        }
    }
    for process in &mut processes {
        process.start(&broker);
    }
    for change in 0..CHANGES {
        write(&owner, &mut rng, change).await;
        if rng.random_bool(0.1) {
            let unlucky = rng.random_range(0..processes.len());
            processes[unlucky].kill().await;
            sleep(Duration::from_millis(rng.random_range(0..20))).await;
            processes[unlucky].start(&broker);
        }
    }
    faulty.calm_down();
    // The last messages may wait in the faulty broker; one more change pushes them out.
    write(&owner, &mut rng, CHANGES).await;

    let quiet = Instant::now() + PATIENCE;
    let mut differences = differences(home, &owner).await;
    while !differences.is_empty() || outbox::Entity::find().count(owner.read()).await.unwrap() > 0 {
        assert!(Instant::now() < quiet, "seed {seed}: the copies still differ: {differences:?}");
        sleep(Duration::from_millis(50)).await;
        differences = self::differences(home, &owner).await;
    }
    let kept = Entity::find().count(owner.read()).await.unwrap();
    assert_eq!(kept, THINGS as u64, "the history has touched everything");
    for process in &mut processes {
        process.kill().await;
        process.db.close().await;
    }
}

/// One transaction of the owner: up to three things change, and their states leave with it; or all is rolled back.
async fn write(owner: &Db, rng: &mut StdRng, change: usize) {
    let mut tx = owner.begin().await.unwrap();
    let mut ids: Vec<i64> = (1..=THINGS).collect::<Vec<_>>().sample(rng, 3).copied().collect();
    ids.sort_unstable();
    let mut states = Vec::new();
    for id in ids {
        let known: Option<Model> = Entity::find_by_id(id).one(&*tx).await.unwrap();
        let deleted = rng.random_bool(0.3);
        let text = (!deleted).then(|| format!("change {change}"));
        let state = Model { id, version: known.as_ref().map_or(1, |known| known.version + 1), deleted, text };
        let mut row = state.clone().into_active_model();
        if known.is_some() {
            (row.version, row.deleted, row.text) = (Set(state.version), Set(deleted), Set(state.text.clone()));
            Entity::update(row).exec(&*tx).await.unwrap();
        } else {
            Entity::insert(row).exec_without_returning(&*tx).await.unwrap();
        }
        states.push(state);
    }
    events::publish(&mut tx, &states).await.unwrap();
    if rng.random_bool(0.1) {
        tx.rollback().await.unwrap();
    } else {
        tx.commit().await.unwrap();
    }
}

/// What differs between the owner and each copy, read as the operator's tool reads it.
async fn differences(home: &Home, owner: &Db) -> Vec<(&'static str, reconcile::Drifted)> {
    let source = world::streams(OWNER).sources.remove(0);
    let mut found = Vec::new();
    for service in COPIES {
        let copy = home.open(service).await;
        let consumer = streams(service).consumers.remove(0);
        let drifted = reconcile::compare(source.as_ref(), owner, consumer.as_ref(), &copy, Duration::ZERO).await;
        found.extend(drifted.unwrap().into_iter().map(|drifted| (service, drifted)));
        copy.close().await;
    }
    found
}
