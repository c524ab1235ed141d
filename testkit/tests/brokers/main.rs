//! Tests of both brokers: they keep the contract of the trait `Broker`, and copies converge on them under faults. The
//! in-process broker runs on SQLite and RabbitMQ on Postgres, as in the two forms of the suite.
//!
//! The tests use a small world of their own (`world.rs`) instead of Chatty's services, so that a failure is one of the
//! mechanism in `shared`. `docs/convergence.md` names the rules that they show.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that meets what it did not expect fails")]

mod contract;
mod convergence;
mod crashes;
mod drift;
mod faults;
mod healing;
mod process;
mod world;

#[cfg(feature = "servers")]
mod real;

use std::future::pending;
use std::sync::Arc;

use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use shared::events::broker::{Broker, LocalBroker};
use shared::events::{self, Key, State, relay, topology};
use shared::outbox;
use shared::tasks::Cancel;
use shared::work::Db;
use tokio::time::timeout;

use crate::contract::QUIET;
use crate::process::Link;
use crate::world::{Databases, Model as Thing, SERVICES};

/// Returns a function that makes links to one in-process broker. The broker has no connections that could break, so the
/// transport never ends.
fn local() -> impl Fn() -> Link {
    let broker = Arc::new(LocalBroker::new(&SERVICES));
    move || Link { broker: Arc::<LocalBroker>::clone(&broker), transport: pending().boxed() }
}

#[tokio::test]
async fn the_in_process_broker_keeps_the_contract() {
    contract::check(Arc::new(LocalBroker::new(&SERVICES)), &Databases::sqlite()).await;
}

#[tokio::test]
async fn a_message_survives_its_consumer_on_the_in_process_broker() {
    crashes::check(local(), &Databases::sqlite()).await;
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the relay ends with the test")]
async fn a_consumer_that_hangs_holds_up_its_own_stream_alone() {
    let (databases, broker) = (Databases::sqlite(), Arc::new(LocalBroker::new(&["auth", "posts"])));
    let db = databases.open("auth").await;
    let mut hangs = broker.consume(&topology::queue("posts", Thing::STREAM), &db).await.unwrap();
    let mut works = broker.consume(&topology::queue("auth", Decision::STREAM), &db).await.unwrap();
    tokio::spawn(relay::run(db.clone(), Arc::<LocalBroker>::clone(&broker), Cancel::new()));
    // Waits for a decision. Others may come first: the relay's sweep at its start may send a message twice.
    let mut applied = async |decision: &str| loop {
        let deliveries = works.next(1).await.unwrap();
        let found = deliveries[0].payload.ends_with(format!("\"data\":[{decision}]}}").as_bytes());
        works.ack(deliveries).await;
        if found {
            return;
        }
    };

    // First wait until that sweep has ended, because it sends one batch after the other and would hide the effect.
    publish(&db, Decision(1)).await;
    applied("1").await;
    while timeout(QUIET, applied("1")).await.is_ok() || outbox::table::backlog(db.read()).await.unwrap().0 > 0 {}

    // The consumer of things takes one and never acknowledges it; the decision after it must arrive all the same.
    publish(&db, Thing { id: 1, version: 1, deleted: false, text: None }).await;
    let never_acknowledged = hangs.next(1).await.unwrap();
    publish(&db, Decision(2)).await;
    applied("2").await;
    // A relay that had given up waiting for the confirm would have sent the thing again.
    assert!(timeout(QUIET, hangs.next(1)).await.is_err());
    drop(never_acknowledged);
}

/// A state of another stream than the things.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Decision(i64);

impl State for Decision {
    const STREAM: &'static str = "moderation.user";

    fn key(&self) -> Key {
        self.0.into()
    }

    fn version(&self) -> i64 {
        1
    }
}

async fn publish<S: State>(db: &Db, state: S) {
    let mut tx = db.begin().await.unwrap();
    events::publish(&mut tx, &[state]).unwrap();
    tx.commit().await.unwrap();
}

/// Creates empty databases, and a broker that reaches every service.
fn local_world() -> (Databases, Arc<dyn Broker>) {
    (Databases::sqlite(), Arc::new(LocalBroker::new(&SERVICES)))
}

#[tokio::test]
async fn an_interrupted_first_start_is_made_good() {
    let (databases, broker) = local_world();
    healing::an_interrupted_first_start_is_made_good(&databases, &broker).await;
}

#[tokio::test]
async fn a_lost_message_is_found_by_comparing_recent_changes() {
    let (databases, broker) = local_world();
    let lose = healing::lose_by_deleting;
    healing::a_lost_message_is_found_by_comparing_recent_changes(&databases, &broker, lose).await;
}

#[tokio::test]
async fn rows_changed_by_hand_are_repaired() {
    let (databases, broker) = local_world();
    healing::rows_changed_by_hand_are_repaired(&databases, &broker).await;
}

#[tokio::test]
async fn a_copy_whose_file_was_deleted_comes_back() {
    let (databases, broker) = local_world();
    healing::a_dropped_copy_comes_back(&databases, &broker).await;
}

#[tokio::test]
async fn a_row_ahead_stops_the_owner_until_it_is_forgotten() {
    let (databases, broker) = local_world();
    healing::a_row_ahead_stops_the_owner_until_it_is_forgotten(&databases, &broker).await;
}

#[tokio::test]
async fn an_older_owner_publishes_nothing() {
    let (databases, broker) = local_world();
    healing::an_older_owner_publishes_nothing(&databases, &broker).await;
}

#[tokio::test]
async fn a_copy_that_does_not_answer_is_unchecked() {
    let (databases, broker) = local_world();
    healing::a_copy_that_does_not_answer_is_unchecked(&databases, &broker).await;
}

/// A queue has one consumer in this form, so there is one replica of each service.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_converge_on_the_in_process_broker() {
    for seed in 1..=6 {
        convergence::check(seed, local(), &Databases::sqlite(), 1).await;
    }
}
