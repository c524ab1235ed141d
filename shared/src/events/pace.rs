//! How senders pace themselves: what happens now and then leaves at once, and a flood travels in few and large messages.

use std::time::Duration;

use tokio::time::Instant;

/// The rest after a single state, and the shortest: sending costs more than less is worth, in the broker and in whoever
/// listens.
const SHORTEST: Duration = Duration::from_millis(5);
/// The longest rest.
const LONGEST: Duration = Duration::from_millis(100);
/// How much of a pause counts as rest before it was due.
const CREDIT: Duration = Duration::from_millis(10);

/// When a sender may send.
#[derive(Debug)]
pub(super) struct Pace(Instant);

impl Pace {
    /// The first may leave at once.
    pub(super) fn new(now: Instant) -> Self {
        Self(now)
    }

    /// From when on the next may leave.
    pub(super) fn due(&self) -> Instant {
        self.0
    }

    /// So many states leave now. After a pause a few more may follow them at once: what comes together by chance is no flood.
    pub(super) fn sent(&mut self, states: usize, now: Instant) {
        self.0 = self.0.max(now.checked_sub(CREDIT).unwrap_or(now)) + rest_after(states);
    }
}

/// How long after the sending of so many states the next may begin.
///
/// By the square root of their number, rests settle in proportion to the rate: 5 ms at 200 states a second, 100 ms at
/// 4 000 and above.
fn rest_after(states: usize) -> Duration {
    SHORTEST.mul_f64((states as f64).sqrt()).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rest that a sender comes to while so many states a second are written, in milliseconds.
    fn settled(per_second: f64) -> f64 {
        let (mut pace, mut now) = (Pace::new(Instant::now()), Instant::now());
        let mut rest = LONGEST;
        for _ in 0..1_000 {
            pace.sent((rest.as_secs_f64() * per_second).round() as usize, now);
            rest = pace.due() - now;
            now = pace.due();
        }
        rest.as_secs_f64() * 1_000.0
    }

    #[test]
    fn what_comes_together_after_a_pause_leaves_at_once() {
        let begun = Instant::now();
        let mut pace = Pace::new(begun);
        let now = begun + LONGEST;
        for _ in 0..3 {
            assert!(pace.due() <= now);
            pace.sent(1, now);
        }
        assert_eq!(pace.due(), now + SHORTEST);
    }

    #[test]
    fn rests_grow_with_the_rate() {
        assert_eq!(rest_after(0), SHORTEST);
        assert_eq!(settled(100.0), 5.0);
        assert!((20.0..30.0).contains(&settled(1_000.0)), "{} ms", settled(1_000.0));
        assert_eq!(settled(4_000.0), 100.0);
        assert_eq!(rest_after(1_000_000), LONGEST);
    }
}
