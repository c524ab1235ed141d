//! Arrays that queries use one after the other. They are as they were, all zeros, when a query ends; only the sums, which are
//! cleared before they are used, and the computed squares stay.

use ndarray::Array1;

use super::bits::{Bits, Sums};
use super::numbered::At;

/// The working memory of a query.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Shared likes of each person.
    pub(super) shared: Counters,
    /// The weights of these likes.
    pub(super) weights: Array1<f64>,
    /// Who of these was met,
    pub(super) met: Bits,
    /// and who more than once.
    pub(super) met_again: Bits,
    /// Sums of a tile of people or posts.
    pub(super) sums: Sums,
    /// The score of each post.
    pub(super) scores: Array1<f64>,
    /// The posts that have a score, if they are noted.
    pub(super) liked: Vec<At>,
    /// The posts that are not recommended to the asker.
    pub(super) not_for_me: Bits,
    /// Sets for neighbours who have none of their own.
    pub(super) lent: Vec<Bits>,
    /// The place among the neighbours, counted from 1.
    pub(super) rank: Array1<u32>,
    /// Squared weights by the number of likers, for so many people; 0 is not computed yet.
    pub(super) squares: (u32, Array1<f64>),
}

/// Counters, and which of them are above zero.
#[derive(Debug, Default)]
pub(super) struct Counters {
    counts: Array1<u32>,
    pub(super) met: Vec<At>,
}

impl Counters {
    pub(super) fn grow(&mut self, len: usize) {
        grow(&mut self.counts, len);
    }

    /// Counts each of these once more.
    #[inline]
    pub(super) fn add(&mut self, all: impl Iterator<Item = At>) {
        let counts = self.counts.as_slice_mut().unwrap_or_default();
        for at in all {
            if let Some(count) = counts.get_mut(at as usize) {
                if *count == 0 {
                    self.met.push(at);
                }
                *count += 1;
            }
        }
    }

    #[inline]
    pub(super) fn of(&self, at: At) -> u32 {
        self.counts.get(at as usize).copied().unwrap_or_default()
    }

    /// Back to zeros.
    pub(super) fn clear(&mut self) {
        for at in self.met.drain(..) {
            if let Some(count) = self.counts.get_mut(at as usize) {
                *count = 0;
            }
        }
    }
}

/// Makes an array of zeros longer, by an eighth more than is needed now.
pub(super) fn grow<T: Clone + Default>(array: &mut Array1<T>, len: usize) {
    if array.len() < len {
        *array = Array1::default(len + len / 8);
    }
}
