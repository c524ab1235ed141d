//! The working memory of requests: arrays over all people or posts that would be slow to allocate for each request.
//!
//! Every request leaves the arrays as it found them, all zeros. The exceptions are the bit-sliced sums, which are
//! cleared before each use, and the computed squares, which later requests use.

use ndarray::Array1;

use super::bits::{Bits, Sums};
use super::growth::grow_zeros;
use super::numbered::Idx;

/// The working memory of one request at a time.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The number of likes that each person shares with the asker, as far as it has been counted.
    pub(super) shared: Counters,
    /// The sum of the squared weights of the likes that each person shares with the asker.
    pub(super) shared_weights: Array1<f64>,
    /// The people for whom the counters in `shared` have counted at least one like.
    pub(super) met: Bits,
    /// The people for whom the counters in `shared` have counted at least two likes.
    pub(super) met_again: Bits,
    /// The sums of a tile of people or posts.
    pub(super) sums: Sums,
    /// The score of each post.
    pub(super) scores: Array1<f64>,
    /// The posts with a score above zero, for a request that lists them; otherwise empty.
    pub(super) scored: Vec<Idx>,
    /// The posts that are never recommended to the asker.
    pub(super) excluded: Bits,
    /// Bitsets that are lent to rows of neighbours without a bitset of their own.
    pub(super) spare_sets: Vec<Bits>,
    /// The rank of each neighbour.
    pub(super) ranks: Ranks,
    /// The squared weights of posts.
    pub(super) squares: Squares,
}

/// A counter for each person, and the list of the people whose counters are above zero.
#[derive(Debug, Default)]
pub(super) struct Counters {
    counts: Array1<u32>,
    nonzero: Vec<Idx>,
}

impl Counters {
    /// Makes room for the counters of `len` people.
    pub(super) fn grow(&mut self, len: usize) {
        grow_zeros(&mut self.counts, len);
    }

    /// Adds one to the counter of each of these people.
    #[inline]
    pub(super) fn increment_all(&mut self, all: impl Iterator<Item = Idx>) {
        let counts = self.counts.as_slice_mut().unwrap_or_default();
        for at in all {
            if let Some(count) = counts.get_mut(at as usize) {
                if *count == 0 {
                    self.nonzero.push(at);
                }
                *count += 1;
            }
        }
    }

    /// Returns the counter of a person.
    #[inline]
    pub(super) fn get(&self, at: Idx) -> u32 {
        self.counts.get(at as usize).copied().unwrap_or_default()
    }

    /// Lists the people whose counters are above zero, in the order in which the counters were first incremented.
    pub(super) fn nonzero(&self) -> &[Idx] {
        &self.nonzero
    }

    /// Resets all counters to zero, in time proportional to the number of counters above zero.
    pub(super) fn clear(&mut self) {
        for at in self.nonzero.drain(..) {
            if let Some(count) = self.counts.get_mut(at as usize) {
                *count = 0;
            }
        }
    }
}

/// The rank of each neighbour among the nearest ones, counted from 1; 0 for everybody else.
#[derive(Debug, Default)]
pub(super) struct Ranks(Array1<u32>);

impl Ranks {
    /// Sets the ranks of these neighbours, who come nearest first and are ranked from 1 on. `people` is the number of
    /// all people.
    pub(super) fn set(&mut self, people: usize, neighbours: impl Iterator<Item = Idx>) {
        grow_zeros(&mut self.0, people);
        for (rank, person) in (1..).zip(neighbours) {
            if let Some(slot) = self.0.get_mut(person as usize) {
                *slot = rank;
            }
        }
    }

    /// Resets the ranks of these neighbours to 0.
    pub(super) fn clear(&mut self, neighbours: impl Iterator<Item = Idx>) {
        for person in neighbours {
            if let Some(rank) = self.0.get_mut(person as usize) {
                *rank = 0;
            }
        }
    }

    /// Returns the place of a person in the list of neighbours, counted from 0, or `None` for everybody else.
    #[inline]
    pub(super) fn place_of(&self, person: Idx) -> Option<usize> {
        self.0.get(person as usize).and_then(|rank| (*rank as usize).checked_sub(1))
    }
}

/// The squared weights of posts by their number of likers. Most posts have few likers, so most of the logarithms are
/// computed once and read often, also by later requests.
#[derive(Debug, Default)]
pub(super) struct Squares {
    /// The number of people with a like, for which the squares were computed.
    people: u32,
    /// The squares by the number of likers; 0 marks a square that is not computed yet.
    by_likers: Array1<f64>,
}

impl Squares {
    /// Prepares for this number of people with a like, and forgets the squares that were computed for another number.
    pub(super) fn prepare(&mut self, people: u32) {
        if self.people != people {
            *self = Self { people, by_likers: Array1::default(0) };
        }
        grow_zeros(&mut self.by_likers, people as usize + 1);
    }

    /// Returns the squared weight of a post that this many people like.
    pub(super) fn get(&mut self, likers: u32) -> f64 {
        let Some(square) = self.by_likers.get_mut(likers as usize) else { return 0.0 };
        if *square == 0.0 && likers > 0 {
            *square = (1.0 + f64::from(self.people) / f64::from(likers)).ln().powi(2);
        }
        *square
    }
}
