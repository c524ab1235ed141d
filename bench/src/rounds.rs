//! Rounds: anchor and Chatty take turns (A B B A …), so that what the machine does meanwhile meets both.

use std::time::Duration;

use anyhow::Result;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Rounds, each with both sides.
    pub(crate) rounds: usize,
    /// How long one side of a round takes.
    pub(crate) length: Duration,
}

impl Effort {
    /// Five rounds of two seconds, for a look.
    pub(crate) const SHORT: Self = Self { rounds: 5, length: Duration::from_secs(2) };
    /// Nine rounds of four seconds, for figures that are published.
    pub(crate) const FULL: Self = Self { rounds: 9, length: Duration::from_secs(4) };
}

/// One side of a comparison: answers a figure, such as requests per second.
pub(crate) trait Side {
    /// Measures once.
    async fn measure(&mut self, length: Duration) -> Result<f64>;
}

impl<F: AsyncFnMut(Duration) -> Result<f64>> Side for F {
    async fn measure(&mut self, length: Duration) -> Result<f64> {
        self(length).await
    }
}

/// What both sides did in each round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Compared {
    /// The anchor's figures.
    pub(crate) anchor: Vec<f64>,
    /// Chatty's.
    pub(crate) chatty: Vec<f64>,
}

impl Compared {
    /// Chatty's figure over the anchor's, round by round.
    pub(crate) fn ratios(&self) -> Vec<f64> {
        self.chatty.iter().zip(&self.anchor).map(|(chatty, anchor)| chatty / anchor).collect()
    }
}

/// The middle figure.
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

/// Measures both sides in turns, after a warm-up of each.
pub(crate) async fn compare(effort: Effort, mut anchor: impl Side, mut chatty: impl Side) -> Result<Compared> {
    anchor.measure(effort.length).await?;
    chatty.measure(effort.length).await?;
    let mut compared = Compared::default();
    for round in 0..effort.rounds {
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
