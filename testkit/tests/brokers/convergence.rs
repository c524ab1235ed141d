//! Whatever is lost, repeated, reordered or killed: in the end every copy equals its owner.

use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use sea_orm::{ActiveValue::Set, EntityTrait, IntoActiveModel, PaginatorTrait};
use shared::db::Db;
use shared::events::{self, outbox, reconcile};
use tokio::time::sleep;

use crate::faults::Faults;
use crate::process::{Link, Process};
use crate::world::{self, COPIES, Entity, Home, Model, OWNER, streams};

/// How many transactions the owner writes, and to how many things: each changes a few times, so that a lost state is
/// seldom made good by a later one.
const CHANGES: usize = 200;
const THINGS: i64 = 60;
/// How long the copies may take once the faults have ended.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a random history with `replicas` processes of each copying service.
pub(crate) async fn check(seed: u64, link: impl Fn() -> Link, home: &Home, replicas: usize) {
    let mut rng = StdRng::seed_from_u64(seed);
    let faults = Faults::new(seed);
    let link = || faults.before(link());
    let mut processes = vec![Process::new(OWNER, home).await];
    let owner = processes[0].db.clone();
    for service in COPIES {
        for _ in 0..replicas {
            processes.push(Process::new(service, home).await);
        }
    }
    for process in &mut processes {
        process.start(link());
    }
    for change in 0..CHANGES {
        let keep = rng.random_bool(0.9);
        write(&owner, &mut rng, change, keep).await;
        if rng.random_bool(0.3) {
            // While the change is on its way, not always at the same place.
            sleep(Duration::from_micros(rng.random_range(0..8_000))).await;
            let unlucky = rng.random_range(0..processes.len());
            processes[unlucky].kill().await;
            processes[unlucky].start(link());
        }
    }
    faults.calm_down();
    for process in &mut processes {
        process.kill().await;
        process.start(link());
    }
    // The last messages may wait in the faulty broker; one more change pushes them out.
    write(&owner, &mut rng, CHANGES, true).await;

    agree(home, &owner, &format!("seed {seed}")).await;
    let kept = Entity::find().count(owner.read()).await.unwrap();
    assert_eq!(kept, THINGS as u64, "the history has touched everything");
    for process in processes {
        process.end().await;
    }
}

/// Waits until all copies equal the owner and its outbox is empty.
pub(crate) async fn agree(home: &Home, owner: &Db, after: &str) {
    let quiet = Instant::now() + PATIENCE;
    let mut differences = differences(home, owner).await;
    while !differences.is_empty() || outbox::Entity::find().count(owner.read()).await.unwrap() > 0 {
        assert!(Instant::now() < quiet, "{after}: the copies still differ: {differences:?}");
        sleep(Duration::from_millis(50)).await;
        differences = self::differences(home, owner).await;
    }
}

/// One transaction of the owner: up to three things change, and their states leave with it; or all is rolled
/// back.
pub(crate) async fn write(owner: &Db, rng: &mut StdRng, change: usize, keep: bool) {
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
    if keep {
        tx.commit().await.unwrap();
    } else {
        tx.rollback().await.unwrap();
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
