//! Tasks of a process: cancelling them, waiting for their end, and pacing their retries.
//!
//! Each task runs on a tracker and watches a cancellation token, so that a process that stops can wait for all of them;
//! clippy refuses `tokio::spawn` elsewhere. This file depends on no other module, so that database, events and services
//! can all use it.

use std::pin::Pin;
use std::time::Duration;

/// The signal that asks tasks to end. Clones share it.
pub type Cancel = tokio_util::sync::CancellationToken;
/// The set of running tasks, so that a process that stops can wait for them. Clones share it.
pub type Tracker = tokio_util::task::TaskTracker;
/// A task of a service that has not been spawned yet.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Exponential backoff with jitter and without a limit of attempts: pauses double from 0.2 s to 15 s.
///
/// Each pause is multiplied by a random factor between 0.5 and 1, so that processes that failed together do not retry
/// together.
#[derive(Debug, Default)]
pub struct Backoff(
    /// The number of pauses since the last success.
    u32,
);

impl Backoff {
    /// Returns the next pause and counts it.
    pub fn next_pause(&mut self) -> Duration {
        // The exponent is bounded, because a shift by 32 or more would overflow; 0.2 s * 2^7 is beyond 15 s already.
        let longest = Duration::from_millis(200).saturating_mul(1 << self.0.min(7)).min(Duration::from_secs(15));
        self.0 += 1;
        longest.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// Returns to the shortest pause. Call it after a success.
    pub fn reset(&mut self) {
        self.0 = 0;
    }
}
