//! Dense indices for people and posts, so that everything about them can lie in arrays.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::{Index, IndexMut};

/// The dense index of a person or a post, given in the order of arrival. It is below 2^31, because an entry of a row
/// keeps a flag in the highest bit.
pub(super) type Idx = u32;

/// An append-only arena: items by their dense index, and the index of each id. Indices stay valid, since nothing is
/// removed.
#[derive(Debug)]
pub(super) struct Numbered<K, T> {
    indices: HashMap<K, Idx>,
    items: Vec<T>,
}

impl<K: Hash + Eq, T> Numbered<K, T> {
    /// Finds the index of an id.
    pub(super) fn find(&self, id: &K) -> Option<Idx> {
        self.indices.get(id).copied()
    }

    /// Returns the index of an id, and true if the item was added just now.
    pub(super) fn find_or_add(&mut self, id: K, new: impl FnOnce() -> T) -> (Idx, bool) {
        let items = &mut self.items;
        let before = items.len();
        let at = *self.indices.entry(id).or_insert_with(|| {
            items.push(new());
            before as Idx
        });
        (at, self.items.len() > before)
    }

    /// Returns the number of items, which is also the next index.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Iterates over the items in the order of their indices.
    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.items.iter_mut()
    }
}

impl<K, T> Default for Numbered<K, T> {
    fn default() -> Self {
        Self { indices: HashMap::new(), items: Vec::new() }
    }
}

#[expect(clippy::indexing_slicing, reason = "an index is only made when its item is added, and nothing is removed")]
impl<K, T> Index<Idx> for Numbered<K, T> {
    type Output = T;

    fn index(&self, at: Idx) -> &T {
        &self.items[at as usize]
    }
}

#[expect(clippy::indexing_slicing, reason = "an index is only made when its item is added, and nothing is removed")]
impl<K, T> IndexMut<Idx> for Numbered<K, T> {
    fn index_mut(&mut self, at: Idx) -> &mut T {
        &mut self.items[at as usize]
    }
}
