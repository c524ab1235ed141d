//! How senders pace themselves: a single event waits for 5 ms at most, and a flood travels in few and large messages.

use std::time::Duration;

/// States a second up to which rests are short. Above, they get as long as they may.
const UNHURRIED: f64 = 4_000.0;
/// The shortest rest: sending costs more than this is worth, in the broker and in whoever listens.
const SHORTEST: Duration = Duration::from_millis(5);
/// The longest rest.
const LONGEST: Duration = Duration::from_millis(100);

/// How long after the sending of so many states the next may begin.
pub(super) fn rest_after(states: usize) -> Duration {
    Duration::from_secs_f64(states as f64 / UNHURRIED).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rest that a sender comes to while so many states a second are written.
    fn settled(per_second: f64) -> Duration {
        (0..1_000).fold(Duration::ZERO, |rest, _| rest_after((rest.as_secs_f64() * per_second) as usize))
    }

    #[test]
    fn only_a_flood_waits_for_more() {
        assert_eq!(settled(1_000.0), SHORTEST);
        assert_eq!(settled(8_000.0), LONGEST);
        assert_eq!(rest_after(1_000_000), LONGEST);
    }
}
