//! The progress of a service's consumers in this process, as metrics and `/readyz?verbose` report it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;

/// The progress of one consumed stream. The queue of requests to the service counts as the stream `resync`.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamProgress {
    /// True while the consumer is subscribed to its queue.
    pub connected: bool,
    /// The time at which the owner wrote the oldest event of the batch that is being applied; `None` between batches.
    pub waiting_since: Option<Timestamp>,
    /// The time at which a batch was last applied; `None` before the first.
    pub applied_at: Option<Timestamp>,
    /// The age that the oldest event of the last applied batch had at the time `applied_at`.
    pub applied_after: Duration,
    /// The number of messages in the stream's dead-letter queue, as last counted.
    pub dead_letters: u64,
}

impl StreamProgress {
    /// Returns the age of the oldest event that this process has received and not yet applied; zero between batches.
    pub fn lag(&self, now: Timestamp) -> Duration {
        self.waiting_since.map_or(Duration::ZERO, |since| now.since(since))
    }
}

/// The progress of all consumers of one service. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct ConsumerProgress(Arc<Mutex<BTreeMap<&'static str, StreamProgress>>>);

impl ConsumerProgress {
    /// Returns whether the copy of a stream lags by more than `grace` now, or has applied its last batch less than
    /// `grace` ago and with more than `grace` of lag. Rows that such a copy lacks may only be late, so the comparison
    /// does not count them as drift.
    pub(super) fn is_lagging(&self, stream: &str, now: Timestamp, grace: Duration) -> bool {
        let streams = self.locked();
        streams.get(stream).is_some_and(|stream| {
            let lately = stream.applied_at.is_some_and(|at| now.since(at) < grace);
            stream.lag(now) > grace || (lately && stream.applied_after > grace)
        })
    }

    /// Returns the progress of each stream, by the stream's name.
    pub fn streams(&self) -> BTreeMap<&'static str, StreamProgress> {
        self.locked().clone()
    }

    /// Records that the subscription to a stream's queue was opened or lost.
    pub(super) fn record_connected(&self, stream: &'static str, connected: bool) {
        self.locked().entry(stream).or_default().connected = connected;
    }

    /// Records that a batch was received, and the time at which its oldest event was written.
    pub(super) fn record_received(&self, stream: &'static str, oldest: Option<Timestamp>) {
        self.locked().entry(stream).or_default().waiting_since = oldest;
    }

    /// Records that the received batch was applied and acknowledged.
    pub(super) fn record_applied(&self, stream: &'static str, now: Timestamp) {
        let mut streams = self.locked();
        let stream = streams.entry(stream).or_default();
        // Before `waiting_since` is cleared, because the lag is computed from it.
        stream.applied_after = stream.lag(now);
        (stream.waiting_since, stream.applied_at) = (None, Some(now));
    }

    /// Records the number of messages in a stream's dead-letter queue.
    pub(super) fn record_dead_letters(&self, stream: &'static str, count: u64) {
        self.locked().entry(stream).or_default().dead_letters = count;
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<&'static str, StreamProgress>> {
        // A poisoned map is still valid: each write sets plain fields, none of which depends on another.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
