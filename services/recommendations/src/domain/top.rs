//! The first k of many items, without sorting them all.

use std::cmp::Ordering;

/// A bounded selection: keeps the first `limit` items of an order without ties, of as many as are offered.
///
/// The selection collects up to twice `limit` items, then cuts them back to `limit` by quickselect. So an offer takes
/// constant time on average, and an item behind the last of a cut is refused by one comparison.
pub(super) struct TopK<T, F> {
    limit: usize,
    /// After the first cut, the last of the first `limit` items stands at place `limit - 1`, with newer offers behind
    /// it.
    items: Vec<T>,
    is_cut: bool,
    order: F,
}

impl<T, F: Fn(&T, &T) -> Ordering> TopK<T, F> {
    pub(super) fn new(limit: usize, order: F) -> Self {
        Self { limit, items: Vec::new(), is_cut: false, order }
    }

    /// Returns the largest number of items that are kept in the end.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Returns the last item that the last cut has kept: an item behind it is refused. `None` before the first cut,
    /// when every item is still taken.
    #[inline]
    pub(super) fn last(&self) -> Option<&T> {
        self.items.get(self.limit.checked_sub(1)?).filter(|_| self.is_cut)
    }

    /// Takes an item unless it is behind [`TopK::last`].
    #[inline]
    pub(super) fn offer(&mut self, item: T) {
        if self.last().is_some_and(|last| (self.order)(&item, last).is_gt()) {
            return;
        }
        self.items.push(item);
        let full = if self.is_cut { 2 * self.limit } else { self.limit };
        if self.items.len() >= full.max(1) {
            self.cut();
        }
    }

    /// Returns the first `limit` items in order.
    pub(super) fn into_sorted(mut self) -> Vec<T> {
        self.cut();
        self.items.sort_unstable_by(self.order);
        self.items
    }

    fn cut(&mut self) {
        if self.limit > 0 && self.items.len() >= self.limit {
            self.items.select_nth_unstable_by(self.limit - 1, &self.order);
            self.is_cut = true;
        }
        self.items.truncate(self.limit);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_keeps_what_sorting_all_would(items in prop::collection::hash_set(0..1_000_u32, 0..80), limit in 0..30_usize) {
            let mut top = TopK::new(limit, u32::cmp);
            items.iter().for_each(|item| top.offer(*item));
            let mut sorted: Vec<u32> = items.into_iter().collect();
            sorted.sort_unstable();
            sorted.truncate(limit);
            prop_assert_eq!(top.into_sorted(), sorted);
        }
    }
}
