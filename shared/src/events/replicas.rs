//! Publishing to the other replicas of a service: the states that one replica has applied or committed, for the memory
//! of the others.
//!
//! Delivery is best effort: a replica that is not subscribed receives nothing and nothing is stored for it. It loads
//! everything from the database when it subscribes again, and so does a replica that is told that a message was lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep, sleep_until};

use super::broker::{Broker, BrokerError};
use super::pace::pause_after;
use crate::outbox::own_memory::OwnMemories;
use crate::outbox::{Key, envelope};
use crate::tasks::Cancel;

/// The longest time that a requested reload waits for another message to carry it.
const RELOAD_INTERVAL: Duration = Duration::from_secs(1);

/// A message from one replica to the others: applied states, keys of deleted rows, or a request to load everything
/// again.
#[derive(Serialize, Deserialize)]
pub(super) struct Applied<S> {
    /// The random id of the sending process, by which a process recognizes and skips its own messages.
    #[serde(default)]
    pub(super) from: u64,
    /// The stream of the states.
    pub(super) stream: String,
    /// An array of states.
    pub(super) states: S,
    /// Keys of rows that were deleted because the owner sends them again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) deleted: Vec<Key>,
    /// True when an earlier message was lost, so that the receiver has to load everything again.
    #[serde(default)]
    pub(super) reload: bool,
}

/// Publishes to the other replicas of a service. Clones share the pending request for a reload.
#[derive(Clone)]
pub(crate) struct ReplicaPublisher {
    pub(super) id: u64,
    service: &'static str,
    broker: Arc<dyn Broker>,
    /// True when a message was lost; the next message asks the others to load everything again.
    reload_requested: Arc<AtomicBool>,
}

impl ReplicaPublisher {
    pub(super) fn new(service: &'static str, broker: Arc<dyn Broker>) -> Self {
        // Replicas of a service have no names; 64 random bits tell them apart.
        Self { id: rand::random(), service, broker, reload_requested: Arc::default() }
    }

    /// Publishes committed states, in as many messages as the size limits of the envelope ask for. A failure is not
    /// returned; it makes the next message ask the other replicas to load everything again.
    pub(super) async fn publish_states<T: Serialize>(&self, stream: &str, states: &[T]) {
        match envelope::to_raw_json(states) {
            Ok(states) => {
                for part in envelope::split_within_limits(&states) {
                    self.publish(stream, part, Vec::new()).await;
                }
            }
            Err(error) => self.record_failure(&error),
        }
    }

    /// Makes the next message ask the other replicas to load everything again, because states could not be sent to
    /// them.
    pub(super) fn request_reload(&self) {
        self.reload_requested.store(true, Ordering::Relaxed);
    }

    /// Publishes the keys of deleted rows.
    pub(super) async fn publish_deleted(&self, stream: &str, deleted: Vec<Key>) {
        self.publish(stream, &[], deleted).await;
    }

    /// Publishes a requested reload by itself, if no other message has carried it.
    pub(super) async fn publish_requested_reload(&self) {
        if self.reload_requested.load(Ordering::Relaxed) {
            self.publish("", &[], Vec::new()).await;
        }
    }

    async fn publish(&self, stream: &str, states: &[Box<RawValue>], deleted: Vec<Key>) {
        // The request is taken before sending; a failure below sets it again.
        let reload = self.reload_requested.swap(false, Ordering::Relaxed);
        let applied = Applied { from: self.id, stream: stream.to_owned(), states, deleted, reload };
        let published = match serde_json::to_vec(&applied) {
            Ok(payload) => self.broker.publish_to_replicas(self.service, &payload).await,
            Err(error) => Err(BrokerError::new(error.to_string())),
        };
        if let Err(error) = published {
            self.record_failure(&error);
        }
    }

    fn record_failure(&self, error: &(dyn std::error::Error + 'static)) {
        self.request_reload();
        tracing::debug!(
            error,
            "The other replicas could not be told; the next message lets them load again, within seconds."
        );
    }
}

/// Publishes to the other replicas the states that this service's own transactions have committed, until cancelled. The
/// states are those of streams that a memory follows ([`OwnMemories`]).
pub(crate) async fn publish_own_states(own: OwnMemories, replicas: ReplicaPublisher, cancel: Cancel) {
    let mut next_at = Instant::now();
    loop {
        // States that are committed during the pause are published together.
        let next = async {
            sleep_until(next_at).await;
            own.committed_states().await
        };
        let streams = tokio::select! {
            streams = next => streams,
            () = sleep(RELOAD_INTERVAL) => {
                replicas.publish_requested_reload().await;
                Vec::new()
            }
            () = cancel.cancelled() => return,
        };
        let begun = Instant::now();
        let mut published = 0;
        for (stream, newest) in streams {
            published += newest.len();
            replicas.publish_states(stream, &newest).await;
        }
        next_at = begun + pause_after(published);
        // States that did not fit into the queue to this task are gone; the other replicas have to load them.
        if own.take_dropped() {
            replicas.request_reload();
        }
    }
}
