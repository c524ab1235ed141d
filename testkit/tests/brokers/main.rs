//! What both brokers must keep: the contract of the trait, and convergence under faults. The in-process broker runs on
//! SQLite, RabbitMQ on Postgres, as in the two forms of the suite.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that meets what it did not expect fails")]

mod contract;
mod convergence;
mod crashes;
mod drift;
mod faults;
mod process;
mod world;

#[cfg(feature = "servers")]
mod real;

use std::future::pending;
use std::sync::Arc;

use futures_util::FutureExt;
use shared::events::broker::LocalBroker;

use crate::process::Link;
use crate::world::{Home, SERVICES};

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

/// A queue has one consumer in this form, so there is one replica of each service.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_converge_on_the_in_process_broker() {
    for seed in 1..=6 {
        convergence::check(seed, local(), &Home::sqlite(), 1).await;
    }
}
