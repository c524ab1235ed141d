//! A row of the matrix: the posts that one person likes or has liked.

use super::PostId;
use super::bits::Bits;
use super::growth::insert;
use super::numbered::Idx;

/// The entries of a person by ascending post id, those of hidden posts included. Withdrawn likes stay, so that a stale
/// state that arrives late cannot bring them back.
///
/// The order makes sums of floats over a row the same in every replica, whatever order the events came in. An entry
/// takes 12 bytes: the versions lie in an array of their own, because requests read the entries only.
#[derive(Debug, Default)]
pub(super) struct Row {
    entries: Vec<Entry>,
    /// The version of each entry.
    versions: Vec<i64>,
    /// The posts that are liked now; `None` while the row has too few entries for a bitset.
    set: Option<Bits>,
}

/// An entry of a row: the index of a post, and in the highest bit a flag for a withdrawn like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry(u32);

impl Entry {
    const WITHDRAWN: u32 = 1 << 31;

    fn new(post: Idx, is_liked: bool) -> Self {
        Self(if is_liked { post } else { post | Self::WITHDRAWN })
    }

    /// Returns the index of the post.
    #[inline]
    pub(super) fn post(self) -> Idx {
        self.0 & !Self::WITHDRAWN
    }

    /// Returns the index of the post for a lookup in an array, out of bounds for a withdrawn like. The lookup thereby
    /// skips withdrawn likes without a branch of its own.
    #[inline]
    pub(super) fn post_if_liked(self) -> usize {
        self.0 as usize
    }

    /// Returns whether the post is liked now.
    #[inline]
    pub(super) fn is_liked(self) -> bool {
        self.0 < Self::WITHDRAWN
    }
}

impl Row {
    /// Returns all entries, those of withdrawn likes included.
    #[inline]
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Iterates over the posts that are liked now, by ascending post id.
    pub(super) fn liked(&self) -> impl Iterator<Item = Idx> + '_ {
        self.entries.iter().filter(|entry| entry.is_liked()).map(|entry| entry.post())
    }

    /// Returns the posts that are liked now as a bitset, if the row has one.
    #[inline]
    pub(super) fn set(&self) -> Option<&Bits> {
        self.set.as_ref()
    }

    /// Returns whether the post with this id is liked now. `id_of` returns the id of a post by its index. Takes O(log
    /// n) for n entries.
    pub(super) fn likes(&self, id: PostId, id_of: impl Fn(Idx) -> PostId) -> bool {
        let place = self.find(id, id_of).ok();
        place.and_then(|place| self.entries.get(place)).is_some_and(|entry| entry.is_liked())
    }

    fn find(&self, id: PostId, id_of: impl Fn(Idx) -> PostId) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&id, |entry| id_of(entry.post()))
    }

    /// Merges the state of a like by its version. Returns true when the post is liked now and was not before, or the
    /// other way round. `id_of` is as in [`Row::likes`].
    pub(super) fn merge(&mut self, post: Idx, is_liked: bool, version: i64, id_of: impl Fn(Idx) -> PostId) -> bool {
        let entry = Entry::new(post, is_liked);
        match self.find(id_of(post), id_of) {
            Ok(place) => {
                let known = self.entries.get_mut(place).zip(self.versions.get_mut(place));
                let Some((known, newest)) = known.filter(|(_, newest)| version > **newest) else { return false };
                *newest = version;
                std::mem::replace(known, entry).is_liked() != is_liked
            }
            Err(gap) => {
                insert(&mut self.entries, gap, entry);
                insert(&mut self.versions, gap, version);
                is_liked
            }
        }
    }

    /// Resets the version of a like, so that the owner's next state is merged whatever its version is. `id_of` is as in
    /// [`Row::likes`].
    pub(super) fn forget_version(&mut self, id: PostId, id_of: impl Fn(Idx) -> PostId) {
        if let Some(version) = self.find(id, id_of).ok().and_then(|place| self.versions.get_mut(place)) {
            *version = 0;
        }
    }

    /// Adds a post to the bitset or removes it. A row without a bitset gets one of `posts` bits when it has more than
    /// `max_entries` entries; only then is true returned.
    pub(super) fn update_set(&mut self, post: Idx, is_liked: bool, posts: usize, max_entries: usize) -> bool {
        if let Some(set) = &mut self.set {
            set.set(post, is_liked);
            return false;
        }
        if self.entries.len() <= max_entries {
            return false;
        }
        let mut set = Bits::default();
        set.grow(posts);
        self.liked().for_each(|post| set.set(post, true));
        self.set = Some(set);
        true
    }

    /// Makes room in the bitset for `posts` posts, or drops the bitset if the row has fewer entries than half of
    /// `max_entries`. With the whole of it as the limit, a row near the limit would drop and build its bitset again and
    /// again. Returns whether the row still has a bitset.
    pub(super) fn resize_set(&mut self, posts: usize, max_entries: usize) -> bool {
        if self.entries.len() < max_entries / 2 {
            self.set = None;
        }
        if let Some(set) = &mut self.set {
            set.grow(posts);
        }
        self.set.is_some()
    }
}
