//! What a service's consumers are doing, for metrics and `/readyz?verbose`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::consumer::Context;
use super::topology;
use crate::clock::Timestamp;

/// How often lags are told and dead letters counted.
const MEASURE: Duration = Duration::from_secs(5);

/// One stream that a service consumes, as last seen. The stream `resync` is the queue of requests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Consumed {
    /// Whether the queue is open.
    pub connected: bool,
    /// When the oldest event of the batch in hand was written; absent between batches.
    pub waiting_since: Option<Timestamp>,
    /// When a batch was last applied.
    pub applied_at: Option<Timestamp>,
    /// The age of the oldest event of that batch when it was applied.
    pub applied_after: Duration,
    /// Messages of the queue that could not be applied.
    pub dead_letters: u64,
}

impl Consumed {
    /// How far the copy is behind, as far as this process knows: zero between batches.
    pub fn lag(&self, now: Timestamp) -> Duration {
        self.waiting_since.map_or(Duration::ZERO, |since| now.since(since))
    }
}

/// What all consumers of one service are doing. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Measured(Arc<Mutex<BTreeMap<&'static str, Consumed>>>);

impl Measured {
    /// Answers whether a copy was farther behind than this, a moment ago or now: events wait for it, so nothing is missing yet.
    pub(super) fn is_behind(&self, stream: &str, now: Timestamp, grace: Duration) -> bool {
        let streams = self.locked();
        streams.get(stream).is_some_and(|stream| {
            let lately = stream.applied_at.is_some_and(|at| now.since(at) < grace);
            stream.lag(now) > grace || (lately && stream.applied_after > grace)
        })
    }

    /// All streams.
    pub fn streams(&self) -> BTreeMap<&'static str, Consumed> {
        self.locked().clone()
    }

    /// The queue was opened or lost.
    pub(super) fn connected(&self, stream: &'static str, connected: bool) {
        self.locked().entry(stream).or_default().connected = connected;
    }

    /// A batch was taken.
    pub(super) fn took(&self, stream: &'static str, oldest: Option<Timestamp>) {
        self.locked().entry(stream).or_default().waiting_since = oldest;
    }

    /// The batch was applied and acknowledged.
    pub(super) fn applied(&self, stream: &'static str, now: Timestamp) {
        let mut streams = self.locked();
        let stream = streams.entry(stream).or_default();
        stream.applied_after = stream.lag(now);
        (stream.waiting_since, stream.applied_at) = (None, Some(now));
    }

    fn locked(&self) -> MutexGuard<'_, BTreeMap<&'static str, Consumed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells lags and dead letters as metrics until cancelled.
pub async fn run(context: Context, streams: Vec<&'static str>) {
    let mut rounds = interval(MEASURE);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! { _ = rounds.tick() => {}, () = context.cancel.cancelled() => return }
        tell_lags(&context, &streams);
        tokio::select! {
            () = count_dead_letters(&context, &streams) => {},
            () = context.cancel.cancelled() => return,
        }
    }
}

/// A batch that is stuck gets older and older, so its lag is told as long as it is in hand.
fn tell_lags(context: &Context, streams: &[&'static str]) {
    let (now, known) = (context.db.clock().now(), context.measured.streams());
    for &stream in streams {
        let lag = known.get(stream).map_or(Duration::ZERO, |consumed| consumed.lag(now));
        let labels = [("service", context.service), ("stream", stream)];
        metrics::gauge!("consumer_lag_seconds", &labels).set(lag.as_secs_f64());
    }
}

async fn count_dead_letters(context: &Context, streams: &[&'static str]) {
    let queues = streams.iter().map(|&stream| (stream, topology::queue(context.service, stream)));
    for (stream, queue) in queues.chain([("resync", topology::resync_queue(context.service))]) {
        match context.broker.count_dead_letters(&queue, &context.db).await {
            Ok(count) => {
                context.measured.locked().entry(stream).or_default().dead_letters = count;
                let labels = [("service", context.service), ("stream", stream)];
                metrics::gauge!("dead_letters", &labels).set(count as f64);
            }
            Err(error) => tracing::debug!(%error, queue, "Dead letters could not be counted."),
        }
    }
}
