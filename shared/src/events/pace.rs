//! How senders pace themselves: what happens now and then leaves at once or within 5 ms, and a flood travels in few and
//! large messages.

use std::time::Duration;

/// The rest after a single state, and the shortest: sending costs more than less is worth, in the broker and in whoever
/// listens.
const SHORTEST: Duration = Duration::from_millis(5);
/// The longest rest.
const LONGEST: Duration = Duration::from_millis(100);

/// How long after the sending of so many states the next may begin.
///
/// By the square root of their number, rests settle in proportion to the rate: 5 ms at 200 states a second, 100 ms at
/// 4 000 and above.
pub(super) fn rest_after(states: usize) -> Duration {
    SHORTEST.mul_f64((states as f64).sqrt()).clamp(SHORTEST, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rest that a sender comes to while so many states a second are written, in milliseconds.
    fn settled(per_second: f64) -> f64 {
        let next = |rest: Duration, _| rest_after((rest.as_secs_f64() * per_second).round() as usize);
        (0..1_000).fold(LONGEST, next).as_secs_f64() * 1_000.0
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
