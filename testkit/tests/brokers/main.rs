//! What both brokers must keep: the contract of the trait, and convergence under faults. The in-process broker runs on
//! SQLite, RabbitMQ on Postgres, as in the two forms of the suite.
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
use shared::db::Db;
use shared::events::broker::{Broker, LocalBroker};
use shared::events::{self, Key, State, outbox, relay, topology};
use shared::lifecycle::Cancel;
use tokio::time::timeout;

use crate::contract::QUIET;
use crate::process::Link;
use crate::world::{Home, Model as Thing, SERVICES};

/// Links to one in-process broker, which has no connections that could break.
fn local() -> impl Fn() -> Link {
    let broker = Arc::new(LocalBroker::new(&SERVICES));
    move || Link { broker: Arc::<LocalBroker>::clone(&broker), wire: pending().boxed() }
}

#[tokio::test]
async fn the_in_process_broker_keeps_the_contract() {
    contract::check(Arc::new(LocalBroker::new(&SERVICES)), &Home::sqlite()).await;
}

#[tokio::test]
async fn a_message_survives_its_consumer_on_the_in_process_broker() {
    crashes::check(local(), &Home::sqlite()).await;
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the relay ends with the test")]
async fn a_consumer_that_hangs_holds_up_its_own_stream_alone() {
    let (home, broker) = (Home::sqlite(), Arc::new(LocalBroker::new(&["auth", "posts"])));
    let db = home.open("auth").await;
    let mut hangs = broker.consume(&topology::queue("posts", Thing::STREAM), &db).await.unwrap();
    let mut works = broker.consume(&topology::queue("auth", Decision::STREAM), &db).await.unwrap();
    tokio::spawn(relay::run(db.clone(), Arc::<LocalBroker>::clone(&broker), Cancel::new()));
    // What the sweep at the start has sent may come once more.
    let mut applied = async |decision: &str| loop {
        let deliveries = works.next(1).await.unwrap();
        let found = deliveries[0].payload.ends_with(format!("\"data\":[{decision}]}}").as_bytes());
        works.ack(deliveries).await;
        if found {
            return;
        }
    };

    // The sweep sends one batch after the other until nothing is left.
    publish(&db, Decision(1)).await;
    applied("1").await;
    while timeout(QUIET, applied("1")).await.is_ok() || outbox::backlog(db.read()).await.unwrap().0 > 0 {}

    publish(&db, Thing { id: 1, version: 1, deleted: false, text: None }).await;
    let never_acknowledged = hangs.next(1).await.unwrap();
    publish(&db, Decision(2)).await;
    applied("2").await;
    // A relay that had waited for the confirm in vain would have sent it once more.
    assert!(timeout(QUIET, hangs.next(1)).await.is_err());
    drop(never_acknowledged);
}

/// Something of another stream.
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

/// A home, and a broker that reaches every service.
fn local_home() -> (Home, Arc<dyn Broker>) {
    (Home::sqlite(), Arc::new(LocalBroker::new(&SERVICES)))
}

#[tokio::test]
async fn an_interrupted_first_start_is_made_good() {
    let (home, broker) = local_home();
    healing::an_interrupted_first_start_is_made_good(&home, &broker).await;
}

#[tokio::test]
async fn what_was_lost_on_the_way_is_found_by_what_was_published() {
    let (home, broker) = local_home();
    let lose = healing::by_hand;
    healing::what_was_lost_on_the_way_is_found_by_what_was_published(&home, &broker, lose).await;
}

#[tokio::test]
async fn rows_changed_by_hand_are_repaired() {
    let (home, broker) = local_home();
    healing::rows_changed_by_hand_are_repaired(&home, &broker).await;
}

#[tokio::test]
async fn a_copy_whose_file_was_deleted_comes_back() {
    let (home, broker) = local_home();
    healing::a_dropped_copy_comes_back(&home, &broker).await;
}

#[tokio::test]
async fn a_row_ahead_stops_the_owner_until_it_is_forgotten() {
    let (home, broker) = local_home();
    healing::a_row_ahead_stops_the_owner_until_it_is_forgotten(&home, &broker).await;
}

#[tokio::test]
async fn an_older_owner_publishes_nothing() {
    let (home, broker) = local_home();
    healing::an_older_owner_publishes_nothing(&home, &broker).await;
}

#[tokio::test]
async fn who_does_not_answer_is_unchecked() {
    let (home, broker) = local_home();
    healing::who_does_not_answer_is_unchecked(&home, &broker).await;
}

/// A queue has one consumer in this form, so there is one replica of each service.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_converge_on_the_in_process_broker() {
    for seed in 1..=6 {
        convergence::check(seed, local(), &Home::sqlite(), 1).await;
    }
}
