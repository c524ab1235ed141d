//! Bytes as strangers send them: arbitrary ones, and good ones with damage. They are the same in each run.
#![expect(clippy::expect_used, reason = "a helper of tests fails by panicking")]

use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// A source of bytes.
pub struct Bytes(TestRunner);

impl Default for Bytes {
    fn default() -> Self {
        Self(TestRunner::deterministic())
    }
}

impl Bytes {
    fn draw<S: Strategy>(&mut self, strategy: S) -> S::Value {
        strategy.new_tree(&mut self.0).expect("a value").current()
    }

    /// Returns arbitrary bytes, at most `most` of them.
    pub fn arbitrary(&mut self, most: usize) -> Vec<u8> {
        self.draw(vec(any::<u8>(), 0..=most))
    }

    /// Returns an arbitrary text of at most `most` printable characters of all scripts.
    pub fn text(&mut self, most: usize) -> String {
        self.draw(vec(any::<char>(), 0..=most)).into_iter().filter(|c| !c.is_control()).collect()
    }

    /// Returns a copy of good bytes with a few of them changed, cut off, or doubled.
    pub fn damaged(&mut self, good: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        for (place, value, kind) in self.draw(vec((any::<Index>(), any::<u8>(), 0..4_u8), 1..4)) {
            if bytes.is_empty() {
                break;
            }
            let place = place.index(bytes.len());
            match kind {
                0 => bytes.truncate(place),
                1 => bytes.extend_from_within(place..),
                _ => bytes.iter_mut().skip(place).take(1).for_each(|byte| *byte = value),
            }
        }
        bytes
    }
}
