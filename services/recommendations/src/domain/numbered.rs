//! People and posts, numbered as they come, so that what belongs to them can lie in arrays.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::{Index, IndexMut};

/// A number. There are at most 2^31 of a kind, since the highest bit of an entry in a row has a meaning of its own.
pub(super) type At = u32;

/// Things by their numbers, and their numbers by their ids. Nothing is ever taken out.
#[derive(Debug)]
pub(super) struct Numbered<K, T> {
    at: HashMap<K, At>,
    all: Vec<T>,
}

impl<K: Hash + Eq, T> Numbered<K, T> {
    pub(super) fn find(&self, id: &K) -> Option<At> {
        self.at.get(id).copied()
    }

    /// The number of this id, and whether it is new.
    pub(super) fn find_or_add(&mut self, id: K, new: impl FnOnce() -> T) -> (At, bool) {
        let all = &mut self.all;
        let before = all.len();
        let at = *self.at.entry(id).or_insert_with(|| {
            all.push(new());
            before as At
        });
        (at, self.all.len() > before)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.all.iter_mut()
    }
}

impl<K, T> Default for Numbered<K, T> {
    fn default() -> Self {
        Self { at: HashMap::new(), all: Vec::new() }
    }
}

#[expect(clippy::indexing_slicing, reason = "a number is only made when its thing is added, and nothing is taken out")]
impl<K, T> Index<At> for Numbered<K, T> {
    type Output = T;

    fn index(&self, at: At) -> &T {
        &self.all[at as usize]
    }
}

#[expect(clippy::indexing_slicing, reason = "a number is only made when its thing is added, and nothing is taken out")]
impl<K, T> IndexMut<At> for Numbered<K, T> {
    fn index_mut(&mut self, at: At) -> &mut T {
        &mut self.all[at as usize]
    }
}
