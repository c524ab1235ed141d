//! The pace of publishing: a pause between two batches that grows with their size.
//!
//! A single change leaves at once or within 5 ms, and a flood travels in few large messages, which cost the broker and
//! the consumers a fraction of many small ones (ADR 10). The relay and the messages between replicas keep this pace.

use std::time::Duration;

/// The shortest pause, and the pause after a single state. A shorter pause would make messages smaller and more
/// numerous, which costs the broker and the consumers more than the gain in latency is worth.
const MIN_PAUSE: Duration = Duration::from_millis(5);
/// The longest pause, which bounds the delay that batching adds.
const MAX_PAUSE: Duration = Duration::from_millis(100);

/// Returns the pause between the publication of `states` states and the next batch: 5 ms times the square root of
/// `states`, within 5 to 100 ms.
///
/// With the square root, the pauses settle in proportion to the rate: 5 ms at 200 states per second, 100 ms at 4 000
/// and more.
pub(super) fn pause_after(states: usize) -> Duration {
    MIN_PAUSE.mul_f64((states as f64).sqrt()).clamp(MIN_PAUSE, MAX_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the pause in milliseconds at which a publisher settles while so many states per second are written.
    fn settled_pause(per_second: f64) -> f64 {
        let next = |pause: Duration, _| pause_after((pause.as_secs_f64() * per_second).round() as usize);
        (0..1_000).fold(MAX_PAUSE, next).as_secs_f64() * 1_000.0
    }

    #[test]
    fn pauses_grow_with_the_rate() {
        assert_eq!(pause_after(0), MIN_PAUSE);
        assert_eq!(settled_pause(100.0), 5.0);
        assert!((20.0..30.0).contains(&settled_pause(1_000.0)), "{} ms", settled_pause(1_000.0));
        assert_eq!(settled_pause(4_000.0), 100.0);
        assert_eq!(pause_after(1_000_000), MAX_PAUSE);
    }
}
