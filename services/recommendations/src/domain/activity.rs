//! The activity of people: how many visible posts each of them likes, with a lower bound for every 64 people.
//!
//! The more posts a person likes, the more of them the person must share with the asker to be among the most similar.
//! So the bound tells a search for similar people how many likes each of the 64 people must share at least, and those
//! who share fewer are skipped together.

use super::bits::WORD_BITS;
use super::numbered::Idx;

/// The number of visible likes of each person.
#[derive(Debug, Default)]
pub(super) struct Activity {
    likes: Vec<u32>,
    /// The bound of each word of people.
    bounds: Vec<Bound>,
}

/// A lower bound for the number of visible likes that a person in one word has. People without visible likes are left
/// out.
#[derive(Clone, Copy, Debug)]
struct Bound {
    fewest: u32,
    /// The number of times that a person has left the bound since it was computed, by one more visible like or by the
    /// loss of the last one. The bound may be too low then, which is correct but slow. So it is computed again when
    /// this number reaches the number of people in a word.
    raises: u32,
}

/// The bound of a word in which nobody has a visible like.
const NOBODY: Bound = Bound { fewest: u32::MAX, raises: 0 };

impl Activity {
    /// Adds a person without likes.
    pub(super) fn add_person(&mut self) {
        self.likes.push(0);
        if self.bounds.len() * WORD_BITS < self.likes.len() {
            self.bounds.push(NOBODY);
        }
    }

    /// Returns the number of visible likes of a person.
    #[inline]
    pub(super) fn likes_of(&self, person: Idx) -> u32 {
        self.likes.get(person as usize).copied().unwrap_or_default()
    }

    /// Returns a lower bound for the number of visible likes of each person in a word who has any.
    #[inline]
    pub(super) fn fewest_in(&self, word: usize) -> u32 {
        self.bounds.get(word).map_or(u32::MAX, |bound| bound.fewest)
    }

    /// Adds a visible like to a person or removes one. Returns the person's number of visible likes before and after.
    pub(super) fn add_or_remove(&mut self, person: Idx, is_added: bool) -> (u32, u32) {
        let Some(likes) = self.likes.get_mut(person as usize) else { return (0, 0) };
        let before = *likes;
        step(likes, is_added);
        let after = *likes;
        let word = person as usize / WORD_BITS;
        if let Some(bound) = self.bounds.get_mut(word) {
            if after > 0 && after < bound.fewest {
                bound.fewest = after;
            } else if before > 0 && before <= bound.fewest {
                bound.raises += 1;
                if bound.raises as usize == WORD_BITS {
                    self.tighten(word);
                }
            }
        }
        (before, after)
    }

    /// Computes all bounds again.
    pub(super) fn tighten_all(&mut self) {
        (0..self.bounds.len()).for_each(|word| self.tighten(word));
    }

    fn tighten(&mut self, word: usize) {
        let likes = self.likes.iter().skip(word * WORD_BITS).take(WORD_BITS).copied();
        let fewest = likes.filter(|likes| *likes > 0).min().unwrap_or(u32::MAX);
        if let Some(bound) = self.bounds.get_mut(word) {
            *bound = Bound { fewest, raises: 0 };
        }
    }

    /// Creates the activity of people with these numbers of visible likes.
    #[cfg(test)]
    pub(super) fn of(likes: Vec<u32>) -> Self {
        let bounds = vec![NOBODY; likes.len().div_ceil(WORD_BITS)];
        let mut activity = Self { likes, bounds };
        activity.tighten_all();
        activity
    }
}

/// Adds one to a counter or subtracts one. The counter saturates, so that a defect elsewhere cannot make a small number
/// huge.
pub(super) fn step(counter: &mut u32, up: bool) {
    *counter = if up { counter.saturating_add(1) } else { counter.saturating_sub(1) };
}
