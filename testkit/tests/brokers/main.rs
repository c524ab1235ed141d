//! What both brokers must keep: the contract of the trait, and convergence under faults. The in-process broker runs on
//! SQLite, RabbitMQ on Postgres, as in the two forms of the suite.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that meets what it did not expect fails")]

mod contract;
mod convergence;
mod faults;
mod world;

#[cfg(feature = "servers")]
mod real;

use std::sync::Arc;

use shared::events::broker::{Broker, LocalBroker};

use crate::world::{Home, SERVICES};

fn local() -> Arc<dyn Broker> {
    Arc::new(LocalBroker::new(&SERVICES))
}

#[tokio::test]
async fn the_in_process_broker_keeps_the_contract() {
    contract::check(local(), &Home::sqlite()).await;
}

/// A queue has one consumer in this form, so there is one replica of each service.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_converge_on_the_in_process_broker() {
    for seed in 1..=6 {
        convergence::check(seed, local(), &Home::sqlite(), 1).await;
    }
}
