//! Timelines: the newest posts of all, by their authors, so that a page of somebody's feed is a merge in memory.
//!
//! A post is added once, whoever follows its author; following, unfollowing, deleting and blocking need no repair of
//! any stored list. Posts below the [`Timelines::floor`] are not here, and are read from the database.

use std::collections::{BTreeMap, BinaryHeap, HashMap};

use shared::ids::UserId;

use super::ids::PostId;

/// Where an author stands in the lists. Never given to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(u32);

/// How many times as many heads as a page has posts are collected before the oldest of them are let go.
const COLLECTED: usize = 4;

/// The newest posts.
#[derive(Debug)]
pub(crate) struct Timelines {
    /// How many posts are remembered, tombstones included.
    most: usize,
    /// Whether every post from the floor on is here.
    complete: bool,
    /// No post below is here.
    floor: PostId,
    posts: BTreeMap<PostId, Known>,
    slots: HashMap<UserId, Slot>,
    /// The newest post of each author, dense, because most pages are first pages. Zero: none.
    newest: Vec<PostId>,
    authors: Vec<Author>,
}

#[derive(Debug)]
struct Known {
    version: i64,
    /// Absent in a tombstone.
    author: Option<Slot>,
}

#[derive(Debug)]
struct Author {
    id: UserId,
    /// From old to new.
    posts: Vec<PostId>,
}

impl Timelines {
    /// Remembers at most so many posts. Until [`Timelines::loaded`] nothing is known for sure.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            complete: false,
            floor: PostId(0),
            posts: BTreeMap::new(),
            slots: HashMap::new(),
            newest: Vec::new(),
            authors: Vec::new(),
        }
    }

    /// The slot of an author.
    pub(crate) fn slot(&mut self, id: UserId) -> Slot {
        let next = Slot(u32::try_from(self.authors.len()).unwrap_or(u32::MAX));
        let slot = *self.slots.entry(id).or_insert(next);
        if slot == next {
            self.authors.push(Author { id, posts: Vec::new() });
            self.newest.push(PostId(0));
        }
        slot
    }

    /// Merges a post's state by version; without an author it is a tombstone.
    pub(crate) fn set_post(&mut self, id: PostId, version: i64, author: Option<UserId>) {
        if id < self.floor || self.posts.get(&id).is_some_and(|known| known.version >= version) {
            return;
        }
        self.forget_post(id);
        let author = author.map(|author| self.slot(author));
        self.posts.insert(id, Known { version, author });
        if let Some(slot) = author {
            self.change(slot, |posts| posts.insert(posts.partition_point(|post| *post < id), id));
        }
        while self.posts.len() > self.most {
            let Some((oldest, _)) = self.posts.first_key_value() else { break };
            let oldest = *oldest;
            self.forget_post(oldest);
            self.floor = PostId(oldest.0 + 1);
        }
    }

    /// Forgets a post, whatever its version was.
    pub(crate) fn forget_post(&mut self, id: PostId) {
        if let Some(Known { author: Some(slot), .. }) = self.posts.remove(&id) {
            self.change(slot, |posts| {
                if let Ok(place) = posts.binary_search(&id) {
                    posts.remove(place);
                }
            });
        }
    }

    /// Every post from `lowest` on has been added.
    pub(crate) fn loaded(&mut self, lowest: PostId) {
        while let Some((oldest, _)) = self.posts.first_key_value()
            && *oldest < lowest
        {
            let oldest = *oldest;
            self.forget_post(oldest);
        }
        self.floor = self.floor.max(lowest);
        self.complete = true;
    }

    /// The lowest id from which on every post is here; `None`: none is for sure.
    pub(crate) fn floor(&self) -> Option<PostId> {
        self.complete.then_some(self.floor)
    }

    /// Up to `count` posts of these authors, from new to old, all older than `before`, as far down as the floor; not those
    /// of who is `hidden`.
    ///
    /// Only the `count` authors with the newest heads can have a post on the page. One pass over all collects heads that
    /// are newer than those of so many others, a heap merges the posts of the authors that are left.
    pub(crate) fn page(
        &self,
        followed: &[Slot],
        before: Option<PostId>,
        count: usize,
        hidden: impl Fn(UserId) -> bool,
    ) -> Vec<PostId> {
        let mut heads = Vec::with_capacity(COLLECTED * (count + 1));
        let mut at_least = PostId(1);
        for slot in followed {
            let head = match before {
                None => self.newest.get(slot.0 as usize).copied(),
                Some(before) => self.author(*slot).and_then(|author| older(&author.posts, before)),
            };
            let Some(head) = head.filter(|head| *head >= at_least) else { continue };
            if heads.len() == heads.capacity() {
                at_least = self.keep_newest(&mut heads, count, &hidden).unwrap_or(at_least);
            }
            heads.push((head, *slot));
        }
        self.keep_newest(&mut heads, count, &hidden);
        let mut heads = BinaryHeap::from(heads);
        let mut page = Vec::with_capacity(count);
        while page.len() < count
            && let Some((post, slot)) = heads.pop()
        {
            page.push(post);
            let next = self.author(slot).and_then(|author| older(&author.posts, post));
            heads.extend(next.map(|post| (post, slot)));
        }
        page
    }

    /// Keeps the `count` newest heads of authors who are shown: the oldest of them, if there are so many.
    fn keep_newest(
        &self,
        heads: &mut Vec<(PostId, Slot)>,
        count: usize,
        hidden: impl Fn(UserId) -> bool,
    ) -> Option<PostId> {
        loop {
            if count < heads.len() {
                heads.select_nth_unstable_by(count, |a, b| b.cmp(a));
            }
            // Few are on the page, and few of them are hidden: the others are never looked up.
            let (all, mut place) = (heads.len(), 0);
            heads.retain(|(_, slot)| {
                place += 1;
                place > count || self.author(*slot).is_some_and(|author| !hidden(author.id))
            });
            if heads.len() == all {
                heads.truncate(count);
                return heads.iter().map(|(head, _)| *head).min().filter(|_| heads.len() == count);
            }
        }
    }

    fn author(&self, slot: Slot) -> Option<&Author> {
        self.authors.get(slot.0 as usize)
    }

    fn change(&mut self, slot: Slot, change: impl FnOnce(&mut Vec<PostId>)) {
        let index = slot.0 as usize;
        if let (Some(author), Some(newest)) = (self.authors.get_mut(index), self.newest.get_mut(index)) {
            change(&mut author.posts);
            *newest = author.posts.last().copied().unwrap_or(PostId(0));
        }
    }
}

/// The newest of an author's posts that is older than `before`.
fn older(posts: &[PostId], before: PostId) -> Option<PostId> {
    let place = posts.partition_point(|post| *post < before);
    posts.get(place.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    /// What every post is by now, however old it is.
    #[derive(Default)]
    struct Plain(BTreeMap<PostId, (i64, Option<UserId>)>);

    impl Plain {
        fn set_post(&mut self, id: PostId, version: i64, author: Option<UserId>) {
            if self.0.get(&id).is_none_or(|known| known.0 < version) {
                self.0.insert(id, (version, author));
            }
        }

        fn page(&self, by: impl Fn(UserId) -> bool, from: PostId, before: Option<PostId>, count: usize) -> Vec<PostId> {
            let wanted = self.0.iter().rev().filter(|(id, (_, author))| {
                **id >= from && before.is_none_or(|before| **id < before) && author.is_some_and(&by)
            });
            wanted.map(|(id, _)| *id).take(count).collect()
        }
    }

    proptest! {
        #[test]
        fn a_page_is_what_sorting_all_posts_gives(
            most in 0..100_usize,
            states in vec((1..80_i64, 1..4_i64, option::weighted(0.9, 1..50_i64)), 0..160),
            late in 0..160_usize,
            forgotten in option::of(1..80_i64),
            followed in vec(1..50_i64, 0..100),
            hidden in vec(1..50_i64, 0..10),
            before in option::of(1..81_i64),
            count in 0..12_usize,
        ) {
            let (mut timelines, mut plain) = (Timelines::new(most), Plain::default());
            prop_assert_eq!(timelines.floor(), None);
            for (n, (id, version, author)) in states.iter().enumerate() {
                timelines.set_post(PostId(*id), *version, author.map(UserId));
                plain.set_post(PostId(*id), *version, author.map(UserId));
                if n == late {
                    timelines.loaded(PostId(3));
                }
            }
            timelines.loaded(PostId(0));
            if let Some(id) = forgotten.map(PostId) {
                timelines.forget_post(id);
                plain.0.remove(&id);
            }
            let floor = timelines.floor().unwrap();
            prop_assert!(plain.0.range(floor..).count() <= most);
            let mut followed: Vec<UserId> = followed.into_iter().map(UserId).collect();
            followed.sort_unstable();
            followed.dedup();
            let slots: Vec<Slot> = followed.iter().map(|id| timelines.slot(*id)).collect();
            let before = before.map(PostId);
            let page = timelines.page(&slots, before, count, |author| hidden.contains(&author.0));
            let by = |author: UserId| followed.contains(&author) && !hidden.contains(&author.0);
            prop_assert_eq!(page, plain.page(by, floor, before, count));
        }
    }
}
