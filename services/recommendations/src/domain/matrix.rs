//! The like matrix: everybody's likes, fed by states in any order, repeated or not.
//!
//! Raw likes are kept whatever their people and posts are, and two flags decide what counts: whether a person is active,
//! and whether a post is visible. So a block hides without forgetting, and an unblock restores exactly.
//!
//! Each like is in the row of its person, with its version, and in the column of its post: a list, or a set of bits if many
//! people like the post. Whoever likes much has a set of bits in the row, too.

use std::collections::BTreeSet;

use shared::clock::Timestamp;
use shared::ids::UserId;

use super::PostId;
use super::bits::{Bits, NUMBERS, WORD};
use super::numbered::{At, Numbered};
use super::plan::Plan;

/// Likes, people and posts, each at the newest version that was seen.
#[derive(Debug, Default)]
pub struct LikeMatrix {
    pub(super) people: Numbered<UserId, Person>,
    pub(super) posts: Numbered<PostId, Post>,
    /// Who is neither blocked nor erased.
    pub(super) active: Bits,
    /// Which posts can be seen.
    pub(super) visible: Bits,
    /// How many visible posts each person likes.
    pub(super) visible_likes: Vec<u32>,
    /// For each word of people.
    pub(super) fewest: Vec<Fewest>,
    /// Whose rows have a set.
    pub(super) with_sets: Vec<At>,
    /// How many active people have a visible like.
    pub(super) people_with_likes: u32,
    /// The visible posts by the time they were written.
    pub(super) newest: BTreeSet<(Timestamp, At)>,
    pub(super) plan: Plan,
}

/// A row of the matrix. Somebody who is only known by a like or as an author counts as active (rule R10): a post or a
/// like proves that the person exists.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: UserId,
    version: i64,
    pub(super) row: Row,
    /// What they wrote.
    pub(super) authored: Vec<At>,
}

/// A number that nobody's visible likes in a word of people are below, those without any left out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fewest {
    pub(super) bound: u32,
    /// How often somebody who may have had the fewest got one more since the bound was computed.
    pub(super) raises: u32,
}

/// What a person likes, hidden posts included, and what they liked once, so that a late older state cannot bring it back.
/// Sorted by post id: sums over it have one order in every process, whatever the order of the events was.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) entries: Vec<Entry>,
    /// The version of each.
    versions: Vec<i64>,
    /// What is liked now, once there are many entries.
    pub(super) set: Option<Bits>,
}

/// The number of a post, and in the highest bit whether the like was withdrawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry(u32);

/// A column of the matrix. A post that is only known by a like is not visible yet.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) id: PostId,
    version: i64,
    deleted: bool,
    created_at: Option<Timestamp>,
    pub(super) author: Option<At>,
    /// Who likes it, blocked people included.
    pub(super) column: Column,
    /// How many people the column has.
    pub(super) raw_likers: u32,
    /// How many of them are active.
    pub(super) likers: u32,
}

/// Who likes a post.
#[derive(Debug)]
pub(super) enum Column {
    /// A few people, in no order.
    List(Vec<At>),
    /// Many.
    Bits(Bits),
}

/// What is known of a post.
#[derive(Clone, Copy, Debug)]
pub struct PostState {
    /// Who wrote it; a deleted post has no author any more.
    pub author_id: Option<UserId>,
    /// When.
    pub created_at: Option<Timestamp>,
    /// Whether it was deleted.
    pub deleted: bool,
    /// The version of the state.
    pub version: i64,
}

impl Entry {
    const WITHDRAWN: u32 = 1 << 31;

    fn new(at: At, liked: bool) -> Self {
        Self(if liked { at } else { at | Self::WITHDRAWN })
    }

    pub(super) fn at(self) -> At {
        self.0 & !Self::WITHDRAWN
    }

    /// The number of the post; beyond all posts if the like was withdrawn.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }

    pub(super) fn is_liked(self) -> bool {
        self.0 < Self::WITHDRAWN
    }
}

impl LikeMatrix {
    /// Numbers people in this order. Whoever likes most should come first: people side by side then have about as many
    /// likes, and most of them can be left out of a search at once.
    pub fn number_people(&mut self, ids: impl IntoIterator<Item = UserId>) {
        for id in ids {
            self.find_or_add_person(id);
        }
    }

    /// Merges the state of a like.
    pub fn set_like(&mut self, user_id: UserId, post_id: PostId, liked: bool, version: i64) {
        let (user, post) = (self.find_or_add_person(user_id), self.find_or_add_post(post_id));
        let posts = &self.posts;
        let Row { entries, versions, .. } = &mut self.people[user].row;
        let entry = Entry::new(post, liked);
        let was_liked = match entries.binary_search_by_key(&post_id, |entry| posts[entry.at()].id) {
            Ok(place) => {
                let (Some(known), Some(newest)) = (entries.get_mut(place), versions.get_mut(place)) else { return };
                if version <= *newest {
                    return;
                }
                *newest = version;
                std::mem::replace(known, entry).is_liked()
            }
            Err(gap) => {
                insert(entries, gap, entry);
                insert(versions, gap, version);
                false
            }
        };
        if was_liked != liked {
            self.set_entry(user, post, liked);
            self.set_member(post, user, liked);
            if self.visible.contains(post) {
                self.count_like(user, liked);
            }
        }
    }

    /// Merges the state of a person: `active` is neither blocked nor erased.
    pub fn set_user(&mut self, user_id: UserId, active: bool, version: i64) {
        let at = self.find_or_add_person(user_id);
        let likes = self.visible_likes_of(at);
        let person = &mut self.people[at];
        if version <= person.version {
            return;
        }
        person.version = version;
        if self.active.contains(at) == active {
            return;
        }
        self.active.set(at, active);
        if likes > 0 {
            count(&mut self.people_with_likes, active);
        }
        for entry in person.row.entries.iter().filter(|entry| entry.is_liked()) {
            count(&mut self.posts[entry.at()].likers, active);
        }
        for post in person.authored.clone() {
            self.refresh_visibility(post);
        }
    }

    /// Merges the state of a post.
    pub fn set_post(&mut self, post_id: PostId, state: PostState) {
        let at = self.find_or_add_post(post_id);
        let author = state.author_id.map(|id| self.find_or_add_person(id));
        let post = &mut self.posts[at];
        if state.version <= post.version {
            return;
        }
        post.version = state.version;
        post.deleted = state.deleted;
        if let Some(before) = post.created_at {
            self.newest.remove(&(before, at));
        }
        post.created_at = state.created_at;
        let before = std::mem::replace(&mut post.author, author);
        if before != author {
            if let Some(before) = before {
                self.people[before].authored.retain(|post| *post != at);
            }
            if let Some(author) = author {
                self.people[author].authored.push(at);
            }
        }
        self.refresh_visibility(at);
    }

    /// Forgets the version of a like, so that the owner's next state counts, whatever was known.
    pub fn forget_like(&mut self, user_id: UserId, post_id: PostId) {
        let Some(user) = self.people.find(&user_id) else { return };
        let posts = &self.posts;
        let row = &mut self.people[user].row;
        let place = row.entries.binary_search_by_key(&post_id, |entry| posts[entry.at()].id);
        if let Some(version) = place.ok().and_then(|place| row.versions.get_mut(place)) {
            *version = 0;
        }
    }

    /// Forgets the version of a person.
    pub fn forget_user(&mut self, user_id: UserId) {
        let at = self.find_or_add_person(user_id);
        self.people[at].version = 0;
    }

    /// Forgets the version of a post.
    pub fn forget_post(&mut self, post_id: PostId) {
        let at = self.find_or_add_post(post_id);
        self.posts[at].version = 0;
    }

    /// Computes again whether a post is visible, and what follows for those who like it.
    fn refresh_visibility(&mut self, at: At) {
        let post = &self.posts[at];
        let visible = !post.deleted && post.author.is_some_and(|author| self.active.contains(author));
        if let Some(created_at) = post.created_at {
            if visible {
                self.newest.insert((created_at, at))
            } else {
                self.newest.remove(&(created_at, at))
            };
        }
        if self.visible.contains(at) == visible {
            return;
        }
        self.visible.set(at, visible);
        let people: Vec<At> = match &post.column {
            Column::List(people) => people.clone(),
            Column::Bits(people) => people.iter().collect(),
        };
        for person in people {
            self.count_like(person, visible);
        }
    }

    /// Counts a visible like of a person, or one less.
    fn count_like(&mut self, at: At, up: bool) {
        let Some(likes) = self.visible_likes.get_mut(at as usize) else { return };
        let before = *likes;
        count(likes, up);
        let after = *likes;
        if (before == 0) != (after == 0) && self.active.contains(at) {
            count(&mut self.people_with_likes, after > 0);
        }
        let word = at as usize / WORD;
        let Some(fewest) = self.fewest.get_mut(word) else { return };
        if after > 0 && after < fewest.bound {
            fewest.bound = after;
        } else if before > 0 && before <= fewest.bound {
            fewest.raises += 1;
            if fewest.raises as usize == WORD {
                self.tighten(word);
            }
        }
    }

    /// Computes all bounds again, after many changes.
    pub fn tighten_all(&mut self) {
        (0..self.fewest.len()).for_each(|word| self.tighten(word));
    }

    fn tighten(&mut self, word: usize) {
        let likes = self.visible_likes.iter().skip(word * WORD).take(WORD).copied();
        let bound = likes.filter(|likes| *likes > 0).min().unwrap_or(u32::MAX);
        if let Some(fewest) = self.fewest.get_mut(word) {
            *fewest = Fewest { bound, raises: 0 };
        }
    }

    /// Where a person is, when the person is active: nobody else is in the matrix.
    pub(super) fn find_active(&self, id: UserId) -> Option<At> {
        self.people.find(&id).filter(|at| self.active.contains(*at))
    }

    /// How many visible posts a person likes.
    pub(super) fn visible_likes_of(&self, person: At) -> u32 {
        self.visible_likes.get(person as usize).copied().unwrap_or_default()
    }

    /// The visible posts that a person likes, by post id.
    pub(super) fn row(&self, person: At) -> impl Iterator<Item = At> + '_ {
        self.likes_of(person).filter(|post| self.visible.contains(*post))
    }

    /// All posts that a person likes, by post id.
    pub(super) fn likes_of(&self, person: At) -> impl Iterator<Item = At> + '_ {
        self.entries_of(person).iter().filter(|entry| entry.is_liked()).map(|entry| entry.at())
    }

    /// All posts that a person likes or liked, by post id.
    pub(super) fn entries_of(&self, person: At) -> &[Entry] {
        &self.people[person].row.entries
    }

    /// All posts that a person likes, if they are a set.
    pub(super) fn set_of(&self, person: At) -> Option<&Bits> {
        self.people[person].row.set.as_ref()
    }

    /// Whether a person likes a post.
    pub(super) fn likes(&self, person: At, post: At) -> bool {
        if let Column::Bits(people) = &self.posts[post].column {
            return people.contains(person);
        }
        let (entries, id) = (&self.people[person].row.entries, self.posts[post].id);
        let place = entries.binary_search_by_key(&id, |entry| self.posts[entry.at()].id);
        place.ok().and_then(|place| entries.get(place)).is_some_and(|entry| entry.is_liked())
    }

    fn find_or_add_person(&mut self, id: UserId) -> At {
        let new = || Person { id, version: 0, row: Row::default(), authored: Vec::new() };
        let (at, is_new) = self.people.find_or_add(id, new);
        if is_new {
            if (at as usize).is_multiple_of(NUMBERS) {
                self.add_people();
            }
            self.active.set(at, true);
            self.visible_likes.push(0);
        }
        at
    }

    fn find_or_add_post(&mut self, id: PostId) -> At {
        let new = || Post {
            id,
            version: 0,
            deleted: false,
            created_at: None,
            author: None,
            column: Column::List(Vec::new()),
            raw_likers: 0,
            likers: 0,
        };
        let (at, is_new) = self.posts.find_or_add(id, new);
        if is_new && (at as usize).is_multiple_of(NUMBERS) {
            self.add_posts();
        }
        at
    }
}

/// Inserts, and when it is full makes room for an eighth more instead of twice as much: rows are most of the memory.
pub(super) fn insert<T>(list: &mut Vec<T>, place: usize, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 8 + 2);
    }
    list.insert(place, item);
}

pub(super) fn count(counter: &mut u32, up: bool) {
    *counter = if up { counter.saturating_add(1) } else { counter.saturating_sub(1) };
}

#[cfg(test)]
mod tests {
    use super::super::testing::written_by;
    use super::super::{Scratch, Weighting};
    use super::*;

    /// Ann and Bob both like post 1, Bob likes post 2; Cleo wrote both.
    fn example() -> LikeMatrix {
        let mut matrix = LikeMatrix::default();
        for (user, post) in [(1, 1), (2, 1), (2, 2)] {
            matrix.set_like(UserId(user), PostId(post), true, 1);
        }
        for post in [1, 2] {
            matrix.set_post(PostId(post), post_of(3, 1));
        }
        matrix
    }

    fn post_of(author: i64, version: i64) -> PostState {
        PostState { version, ..written_by(author) }
    }

    fn recommended(matrix: &LikeMatrix) -> Vec<i64> {
        matrix
            .recommend(&mut Scratch::default(), UserId(1), 5, 100, Weighting::None)
            .posts
            .iter()
            .map(|found| found.post_id.0)
            .collect()
    }

    #[test]
    fn a_like_of_an_unknown_post_counts_when_the_post_arrives() {
        let mut matrix = example();
        assert_eq!(recommended(&matrix), [2]);
        matrix.set_like(UserId(2), PostId(9), true, 1);
        assert_eq!(recommended(&matrix), [2]);
        matrix.set_post(PostId(9), post_of(7, 1));
        assert_eq!(recommended(&matrix), [9, 2]);
    }

    #[test]
    fn a_block_hides_a_person_and_their_posts_and_an_unblock_restores_both() {
        let mut matrix = example();
        let before = matrix.recommend(&mut Scratch::default(), UserId(1), 5, 100, Weighting::Idf);
        for blocked in [2, 3] {
            matrix.set_user(UserId(blocked), false, 2);
            assert_eq!(recommended(&matrix), [0; 0]);
            matrix.set_user(UserId(blocked), true, 3);
            assert_eq!(matrix.recommend(&mut Scratch::default(), UserId(1), 5, 100, Weighting::Idf), before);
        }
    }

    #[test]
    fn older_states_change_nothing() {
        let mut matrix = example();
        matrix.set_like(UserId(2), PostId(2), false, 5);
        matrix.set_like(UserId(2), PostId(2), true, 4);
        assert_eq!(recommended(&matrix), [0; 0]);
        matrix.set_like(UserId(2), PostId(2), true, 6);
        assert_eq!(recommended(&matrix), [2]);
        matrix.set_post(PostId(2), PostState { author_id: None, deleted: true, ..post_of(3, 3) });
        matrix.set_post(PostId(2), post_of(3, 2));
        assert_eq!(recommended(&matrix), [0; 0]);
    }

    #[test]
    fn a_deleted_post_is_hidden_whatever_its_state_says_of_the_author() {
        let mut matrix = example();
        matrix.set_post(PostId(2), PostState { deleted: true, ..post_of(3, 2) });
        assert_eq!(recommended(&matrix), [0; 0]);
        matrix.set_post(PostId(2), post_of(3, 3));
        assert_eq!(recommended(&matrix), [2]);
    }
}
