//! The first few of many.

use std::cmp::Ordering;

/// Keeps the first `limit` in an order, of as many as are offered. The order has no ties.
pub(super) struct Top<T, F> {
    limit: usize,
    /// Once it is cut for the first time, the last of the first `limit` is at its place, and behind it are some that came later.
    kept: Vec<T>,
    is_cut: bool,
    order: F,
}

impl<T, F: Fn(&T, &T) -> Ordering> Top<T, F> {
    pub(super) fn new(limit: usize, order: F) -> Self {
        Self { limit, kept: Vec::new(), is_cut: false, order }
    }

    /// How many are kept.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Who comes behind this one is not kept; none while there is room for all.
    #[inline]
    pub(super) fn last(&self) -> Option<&T> {
        self.kept.get(self.limit.checked_sub(1)?).filter(|_| self.is_cut)
    }

    #[inline]
    pub(super) fn offer(&mut self, item: T) {
        if self.last().is_some_and(|last| (self.order)(&item, last).is_gt()) {
            return;
        }
        self.kept.push(item);
        let full = if self.is_cut { 2 * self.limit } else { self.limit };
        if self.kept.len() >= full.max(1) {
            self.cut();
        }
    }

    /// Those that are kept, in order.
    pub(super) fn into_sorted(mut self) -> Vec<T> {
        self.cut();
        self.kept.sort_unstable_by(self.order);
        self.kept
    }

    fn cut(&mut self) {
        if self.limit > 0 && self.kept.len() >= self.limit {
            self.kept.select_nth_unstable_by(self.limit - 1, &self.order);
            self.is_cut = true;
        }
        self.kept.truncate(self.limit);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_keeps_what_sorting_all_would(items in prop::collection::hash_set(0..1_000_u32, 0..80), limit in 0..30_usize) {
            let mut top = Top::new(limit, u32::cmp);
            items.iter().for_each(|item| top.offer(*item));
            let mut sorted: Vec<u32> = items.into_iter().collect();
            sorted.sort_unstable();
            sorted.truncate(limit);
            prop_assert_eq!(top.into_sorted(), sorted);
        }
    }
}
