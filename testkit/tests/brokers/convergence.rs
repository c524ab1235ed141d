//! Random histories: whatever is lost, repeated, reordered or killed, in the end every copy equals its owner.
//!
//! The seed decides the history and the faults. The schedule of tasks is not under its control, so a seed that failed
//! once may pass later; the random choices are the same.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use sea_orm::{ActiveValue::Set, EntityTrait, IntoActiveModel, PaginatorTrait};
use shared::events::{self, reconcile};
use shared::outbox;
use shared::work::Db;
use tokio::time::sleep;

use crate::faults::Faults;
use crate::process::{Link, Process};
use crate::world::{self, COPIES, Databases, Entity, Model, OWNER, streams};

/// The number of the owner's transactions.
const CHANGES: usize = 200;
/// The number of things. Each changes only a few times, so that a lost state is seldom made good by a later one.
const THINGS: i64 = 60;
/// The limit for the copies to agree once the faults have ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a random history with `replicas` processes of each copying service, and waits for the agreement. `link` makes a
/// new link to the broker, for each start of a process.
pub(crate) async fn check(seed: u64, link: impl Fn() -> Link, databases: &Databases, replicas: usize) {
    let mut rng = StdRng::seed_from_u64(seed);
    let faults = Faults::new(seed);
    let link = || faults.wrap(link());
    let mut processes = vec![Process::new(OWNER, databases).await];
    let owner = processes[0].db.clone();
    for service in COPIES {
        for _ in 0..replicas {
            processes.push(Process::new(service, databases).await);
        }
    }
    for process in &mut processes {
        process.start(link());
    }
    for change in 0..CHANGES {
        let commits = rng.random_bool(0.9);
        write_randomly(&owner, &mut rng, change, commits).await;
        if rng.random_bool(0.3) {
            // Because of the random pause, the kill meets changes at different points of their way.
            sleep(Duration::from_micros(rng.random_range(0..8_000))).await;
            let victim = rng.random_range(0..processes.len());
            processes[victim].kill().await;
            processes[victim].start(link());
        }
    }
    // The argument for convergence begins when faults end and all processes run, so they are all started once more.
    faults.stop();
    for process in &mut processes {
        process.kill().await;
        process.start(link());
    }
    // The faulty broker may still hold late copies of messages. One more publication pushes them out.
    write_randomly(&owner, &mut rng, CHANGES, true).await;

    await_agreement(databases, &owner, &format!("seed {seed}")).await;
    // Without this check, copies that are as empty as their owner would agree as well.
    let stored = Entity::find().count(owner.read()).await.unwrap();
    assert_eq!(stored, THINGS as u64, "the history has touched everything");
    for process in processes {
        process.end().await;
    }
}

/// Waits until all copies equal the owner and the owner's outbox is empty. `after` names the situation if that fails.
pub(crate) async fn await_agreement(databases: &Databases, owner: &Db, after: &str) {
    let quiet = Instant::now() + PATIENCE;
    let mut differences = differences(databases, owner).await;
    while !differences.is_empty() || outbox::table::Entity::find().count(owner.read()).await.unwrap() > 0 {
        assert!(Instant::now() < quiet, "{after}: the copies still differ: {differences:?}");
        sleep(Duration::from_millis(50)).await;
        differences = self::differences(databases, owner).await;
    }
}

/// Makes one transaction of the owner: three things change, and their states are published with it. It is committed if
/// `commits` is true, and rolled back otherwise.
pub(crate) async fn write_randomly(owner: &Db, rng: &mut StdRng, change: usize, commits: bool) {
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
    events::publish(&mut tx, &states).unwrap();
    if commits {
        tx.commit().await.unwrap();
    } else {
        tx.rollback().await.unwrap();
    }
}

/// Returns the differences between the owner and each copy, found as `chatty reconcile` finds them.
async fn differences(databases: &Databases, owner: &Db) -> Vec<(&'static str, reconcile::Drifted)> {
    let source = world::streams(OWNER).sources.remove(0);
    let mut found = Vec::new();
    for service in COPIES {
        let copy = databases.open(service).await;
        let consumer = streams(service).consumers.remove(0);
        let drifted = reconcile::compare(source.as_ref(), owner, consumer.as_ref(), &copy, Duration::ZERO).await;
        found.extend(drifted.unwrap().into_iter().map(|drifted| (service, drifted)));
        copy.close().await;
    }
    found
}
