//! Events: envelopes, the outbox, the relay, the brokers, the consumers, resync and reconcile.
//!
//! The rules that make copies converge whatever the order, duplication or crash: the owner versions each state under the
//! row lock, writes state and event in one transaction, and every copy keeps the newest version it has seen.

pub mod envelope;
pub mod outbox;
pub mod topology;

pub mod broker;
pub mod comparison;
pub mod consumer;
pub mod dead_letters;
pub mod fills;
pub mod measured;
pub mod owned;
mod pace;
pub mod projection;
pub mod reconcile;
pub mod relay;
pub mod replicas;
pub mod restore;
pub mod resync;
pub mod writes;

pub use consumer::{ApplyError, Consumer};
pub use envelope::{Key, State};
pub use outbox::{publish, remember};
pub use owned::OwnMemory;
pub use projection::{Memory, Projection, ProjectionRow, load_pages};
pub use resync::Source;

use std::sync::Arc;

use consumer::AnyConsumer;
use resync::AnySource;

/// The streams of one service: what the service runs, and what the operator's tools compare.
#[derive(Clone, Default)]
pub struct Streams {
    /// The streams it owns.
    pub sources: Vec<Arc<dyn AnySource>>,
    /// The streams it keeps copies of.
    pub consumers: Vec<Arc<dyn AnyConsumer>>,
    /// Where it keeps versions and ids, for [`restore`].
    pub issued: restore::Issued,
}

impl Streams {
    /// Adds a stream that the service owns.
    #[must_use]
    pub fn source(mut self, source: impl AnySource) -> Self {
        self.sources.push(Arc::new(source));
        self
    }

    /// Adds a stream that the service keeps copies of.
    #[must_use]
    pub fn consumer(mut self, consumer: impl AnyConsumer) -> Self {
        self.consumers.push(Arc::new(consumer));
        self
    }
}
