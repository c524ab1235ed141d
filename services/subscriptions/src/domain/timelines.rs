//! Timelines: the ids of the newest posts, grouped by author, from which a page of any feed is merged in memory.
//!
//! Feeds are merged when they are read. So a post is added once, whoever follows its author, and following,
//! unfollowing, deleting and blocking need not repair any stored feed. The newest posts are complete down to the
//! [`Timelines::floor`]; older ones are read from the database.

use std::collections::{BTreeMap, BinaryHeap, HashMap};

use shared::ids::UserId;

use super::ids::PostId;

/// The dense index of an author in the timelines. An author keeps it, and it is never given to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot(u32);

/// The capacity of the list of heads from which a page is merged, as a multiple of the page's size. A head is the
/// newest post of an author that may be on the page. A full list is cut back to the size of the page; with a larger
/// capacity, cuts are rarer and take longer.
const HEADS_PER_POST: usize = 4;

/// The value of [`Timelines::newest`] for an author without posts. Ids begin at 1.
const NO_POST: PostId = PostId(0);

/// The newest posts by author. A post takes about 60 bytes.
#[derive(Debug)]
pub(crate) struct Timelines {
    /// The maximum number of posts, tombstones included.
    max_posts: usize,
    /// True once every post from the floor on has been added.
    complete: bool,
    /// The lowest id that is accepted: posts below it were evicted or never loaded.
    floor: PostId,
    /// All posts, tombstones included, by id. Their versions decide which states are stale.
    posts: BTreeMap<PostId, KnownPost>,
    slots: HashMap<UserId, Slot>,
    /// The newest post of each author by slot; [`NO_POST`] for an author without posts. It repeats the last element of
    /// [`Author::posts`] in a dense array, because a first page, which most pages are, scans the heads of all followed
    /// authors.
    newest: Vec<PostId>,
    /// The authors by slot.
    authors: Vec<Author>,
}

#[derive(Debug)]
struct KnownPost {
    version: i64,
    /// The author; absent in a tombstone.
    author: Option<Slot>,
}

#[derive(Debug)]
struct Author {
    id: UserId,
    /// The author's posts, ascending.
    posts: Vec<PostId>,
}

impl Timelines {
    /// Creates empty timelines that keep at most `max_posts` posts. They have no floor until
    /// [`Timelines::complete_from`].
    pub(crate) fn new(max_posts: usize) -> Self {
        Self {
            max_posts,
            complete: false,
            floor: PostId(0),
            posts: BTreeMap::new(),
            slots: HashMap::new(),
            newest: Vec::new(),
            authors: Vec::new(),
        }
    }

    /// Returns the slot of an author, which is added if it is unknown.
    pub(crate) fn find_or_add_author(&mut self, id: UserId) -> Slot {
        let next = Slot(u32::try_from(self.authors.len()).unwrap_or(u32::MAX));
        let slot = *self.slots.entry(id).or_insert(next);
        if slot == next {
            self.authors.push(Author { id, posts: Vec::new() });
            self.newest.push(NO_POST);
        }
        slot
    }

    /// Merges the state of a post unless a state with the same or a higher version is known. A state without an author
    /// is a tombstone. Evicts the oldest post when there are too many, which raises the floor.
    pub(crate) fn merge_post(&mut self, id: PostId, version: i64, author: Option<UserId>) {
        if id < self.floor || self.posts.get(&id).is_some_and(|known| known.version >= version) {
            return;
        }
        self.remove_post(id);
        let author = author.map(|author| self.find_or_add_author(author));
        self.posts.insert(id, KnownPost { version, author });
        if let Some(slot) = author {
            self.edit_posts(slot, |posts| posts.insert(posts.partition_point(|post| *post < id), id));
        }
        while self.posts.len() > self.max_posts {
            let Some((oldest, _)) = self.posts.first_key_value() else { break };
            let oldest = *oldest;
            self.remove_post(oldest);
            self.floor = PostId(oldest.0 + 1);
        }
    }

    /// Removes a post together with its version, so that the next state of it is merged whatever its version is.
    pub(crate) fn remove_post(&mut self, id: PostId) {
        if let Some(KnownPost { author: Some(slot), .. }) = self.posts.remove(&id) {
            self.edit_posts(slot, |posts| {
                if let Ok(place) = posts.binary_search(&id) {
                    posts.remove(place);
                }
            });
        }
    }

    /// Declares that every post from `lowest` on has been added, and removes those below: states that arrived during
    /// the loading may be older, and their neighbours are missing.
    pub(crate) fn complete_from(&mut self, lowest: PostId) {
        while let Some((oldest, _)) = self.posts.first_key_value()
            && *oldest < lowest
        {
            let oldest = *oldest;
            self.remove_post(oldest);
        }
        self.floor = self.floor.max(lowest);
        self.complete = true;
    }

    /// Returns the lowest id from which on no post is missing, or `None` before [`Timelines::complete_from`].
    pub(crate) fn floor(&self) -> Option<PostId> {
        self.complete.then_some(self.floor)
    }

    /// Finds up to `count` posts of these authors, newest first, all older than `before` if it is given, as far down as
    /// the floor. Authors for whom `is_hidden` holds are skipped.
    ///
    /// Only the `count` authors with the newest heads can have a post on the page. One pass over all followed authors
    /// keeps the heads that can still be among these, then a heap merges the posts of the authors that are left. With f
    /// followed authors that takes O(f + count · log count) on average.
    pub(crate) fn find_page(
        &self,
        followed: &[Slot],
        before: Option<PostId>,
        count: usize,
        is_hidden: impl Fn(UserId) -> bool,
    ) -> Vec<PostId> {
        let mut heads = Vec::with_capacity(HEADS_PER_POST * (count + 1));
        let mut at_least = PostId(1);
        for slot in followed {
            let head = match before {
                None => self.newest.get(slot.0 as usize).copied(),
                Some(before) => self.author(*slot).and_then(|author| newest_before(&author.posts, before)),
            };
            let Some(head) = head.filter(|head| *head >= at_least) else { continue };
            if heads.len() == heads.capacity() {
                at_least = self.retain_newest(&mut heads, count, &is_hidden).unwrap_or(at_least);
            }
            heads.push((head, *slot));
        }
        self.retain_newest(&mut heads, count, &is_hidden);
        let mut heads = BinaryHeap::from(heads);
        let mut page = Vec::with_capacity(count);
        while page.len() < count
            && let Some((post, slot)) = heads.pop()
        {
            page.push(post);
            let next = self.author(slot).and_then(|author| newest_before(&author.posts, post));
            heads.extend(next.map(|post| (post, slot)));
        }
        page
    }

    /// Retains the `count` newest heads of visible authors. Returns the oldest of the retained heads if there are
    /// `count` of them, because no older head can then get onto the page; otherwise `None`.
    fn retain_newest(
        &self,
        heads: &mut Vec<(PostId, Slot)>,
        count: usize,
        is_hidden: impl Fn(UserId) -> bool,
    ) -> Option<PostId> {
        loop {
            if count < heads.len() {
                heads.select_nth_unstable_by(count, |a, b| b.cmp(a));
            }
            // Visibility is looked up for the first `count` heads only. When one of them is hidden, another one moves
            // up and the loop looks again. Hidden authors are few, so most lookups are saved.
            let (all, mut place) = (heads.len(), 0);
            heads.retain(|(_, slot)| {
                place += 1;
                place > count || self.author(*slot).is_some_and(|author| !is_hidden(author.id))
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

    /// Edits the posts of an author and brings [`Timelines::newest`] up to date with them.
    fn edit_posts(&mut self, slot: Slot, edit: impl FnOnce(&mut Vec<PostId>)) {
        let index = slot.0 as usize;
        if let (Some(author), Some(newest)) = (self.authors.get_mut(index), self.newest.get_mut(index)) {
            edit(&mut author.posts);
            *newest = author.posts.last().copied().unwrap_or(NO_POST);
        }
    }
}

/// Finds the newest post that is older than `before`, in a list of posts in ascending order.
fn newest_before(posts: &[PostId], before: PostId) -> Option<PostId> {
    let place = posts.partition_point(|post| *post < before);
    posts.get(place.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    /// The reference: the newest state of every post, however old it is, in one sorted map.
    #[derive(Default)]
    struct Plain(BTreeMap<PostId, (i64, Option<UserId>)>);

    impl Plain {
        fn merge_post(&mut self, id: PostId, version: i64, author: Option<UserId>) {
            if self.0.get(&id).is_none_or(|known| known.0 < version) {
                self.0.insert(id, (version, author));
            }
        }

        fn find_page(
            &self,
            by: impl Fn(UserId) -> bool,
            from: PostId,
            before: Option<PostId>,
            count: usize,
        ) -> Vec<PostId> {
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
                timelines.merge_post(PostId(*id), *version, author.map(UserId));
                plain.merge_post(PostId(*id), *version, author.map(UserId));
                if n == late {
                    timelines.complete_from(PostId(3));
                }
            }
            timelines.complete_from(PostId(0));
            if let Some(id) = forgotten.map(PostId) {
                timelines.remove_post(id);
                plain.0.remove(&id);
            }
            let floor = timelines.floor().unwrap();
            prop_assert!(plain.0.range(floor..).count() <= most);
            let mut followed: Vec<UserId> = followed.into_iter().map(UserId).collect();
            followed.sort_unstable();
            followed.dedup();
            let slots: Vec<Slot> = followed.iter().map(|id| timelines.find_or_add_author(*id)).collect();
            let before = before.map(PostId);
            let page = timelines.find_page(&slots, before, count, |author| hidden.contains(&author.0));
            let by = |author: UserId| followed.contains(&author) && !hidden.contains(&author.0);
            prop_assert_eq!(page, plain.find_page(by, floor, before, count));
        }
    }
}
