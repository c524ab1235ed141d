//! Rounds, in which the anchor and Chatty are measured in turns (A B B A …), so that other work of the machine slows
//! both alike.
//!
//! Each round has a ratio of its own. On a machine with two cores that does other things, figures vary by a factor of
//! three between minutes and much less between seconds, so ratios of neighbouring measurements are the most stable
//! figure.

use std::time::Duration;

use anyhow::Result;

/// The number and the length of measurements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// The number of rounds, each of which measures both sides.
    pub(crate) rounds: usize,
    /// The length of the measurement of one side in a round.
    pub(crate) length: Duration,
}

impl Effort {
    /// Five rounds of two seconds, for a quick look.
    pub(crate) const SHORT: Self = Self { rounds: 5, length: Duration::from_secs(2) };
    /// Nine rounds of four seconds, for figures that are published.
    pub(crate) const FULL: Self = Self { rounds: 9, length: Duration::from_secs(4) };
}

/// One side of a comparison, which measures a figure such as requests per second.
pub(crate) trait Side {
    /// Measures once, for this length of time.
    async fn measure(&mut self, length: Duration) -> Result<f64>;
}

impl<F: AsyncFnMut(Duration) -> Result<f64>> Side for F {
    async fn measure(&mut self, length: Duration) -> Result<f64> {
        self(length).await
    }
}

/// The figures of both sides in each round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compared {
    /// The anchor's figures.
    pub(crate) anchor: Vec<f64>,
    /// Chatty's figures.
    pub(crate) chatty: Vec<f64>,
}

impl Compared {
    /// Returns Chatty's figure divided by the anchor's, for each round.
    pub(crate) fn ratios(&self) -> Vec<f64> {
        self.chatty.iter().zip(&self.anchor).map(|(chatty, anchor)| chatty / anchor).collect()
    }
}

/// Returns the median. For an even number of figures this is the mean of the two in the middle, and for no figures NaN.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle.wrapping_sub(1)), sorted.get(middle)) {
        (Some(low), Some(high)) if sorted.len().is_multiple_of(2) => f64::midpoint(*low, *high),
        (_, Some(middle)) => *middle,
        _ => f64::NAN,
    }
}

/// Measures both sides in turns. Before the first round each side is measured once as a warm-up, and that figure is
/// dropped.
pub(crate) async fn compare(effort: Effort, mut anchor: impl Side, mut chatty: impl Side) -> Result<Compared> {
    anchor.measure(effort.length).await?;
    chatty.measure(effort.length).await?;
    let mut compared = Compared::default();
    for round in 0..effort.rounds {
        // The order alternates, so that neither side always comes second.
        for anchor_is_next in if round % 2 == 0 { [true, false] } else { [false, true] } {
            if anchor_is_next {
                compared.anchor.push(anchor.measure(effort.length).await?);
            } else {
                compared.chatty.push(chatty.measure(effort.length).await?);
            }
        }
    }
    Ok(compared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(&[]).is_nan());
    }
}
