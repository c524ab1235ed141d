//! The like matrix: the likes of all people, merged from states in any order, repeated or not.
//!
//! Likes are kept whatever their people and posts are, and two flags decide which of them count: a person is active,
//! and a post is visible. So a block hides likes and posts without forgetting them, and an unblock restores exactly the
//! same answers.
//!
//! Each like lies in two places: with its version in the row of its person, and in the column of its post. Merging a
//! like takes a binary search in the row and a change of both, in practice about a microsecond.

use std::collections::BTreeSet;

use shared::clock::Timestamp;
use shared::ids::UserId;

use super::activity::{Activity, step};
use super::bits::{BLOCK_BITS, Bits};
use super::column::Column;
use super::ids::PostId;
use super::numbered::{Idx, Numbered};
use super::plan::Plan;
use super::row::Row;

/// Likes, people and posts, each at the newest version that was merged.
#[derive(Debug, Default)]
pub struct LikeMatrix {
    pub(super) people: Numbered<UserId, Person>,
    pub(super) posts: Numbered<PostId, Post>,
    /// The people who are neither blocked nor erased.
    pub(super) active: Bits,
    /// The posts that are not deleted and whose authors are active.
    pub(super) visible: Bits,
    /// The number of visible posts that each person likes.
    pub(super) activity: Activity,
    /// The people whose rows have a bitset.
    with_sets: Vec<Idx>,
    /// The number of active people who like a visible post: the N of the inverse document frequency.
    pub(super) people_with_likes: u32,
    /// The visible posts by the time they were written.
    pub(super) newest: BTreeSet<(Timestamp, Idx)>,
    pub(super) plan: Plan,
}

/// A person. Somebody who is only known by a like or as an author counts as active (rule R10): a like or a post proves
/// that the person exists.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: UserId,
    version: i64,
    pub(super) row: Row,
    /// The posts that the person wrote.
    pub(super) authored: Vec<Idx>,
}

/// A post. One that is only known by a like has no author and is not visible yet.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) id: PostId,
    version: i64,
    deleted: bool,
    created_at: Option<Timestamp>,
    pub(super) author: Option<Idx>,
    pub(super) column: Column,
    /// The number of people in the column.
    all_likers: u32,
    /// The number of active people in the column.
    pub(super) likers: u32,
}

/// The state of a post.
#[derive(Clone, Copy, Debug)]
pub struct PostState {
    /// The author; absent once the post is deleted.
    pub author_id: Option<UserId>,
    /// The time at which the post was written; absent once the post is deleted.
    pub created_at: Option<Timestamp>,
    /// True once the post is deleted.
    pub deleted: bool,
    /// The version of this state.
    pub version: i64,
}

impl LikeMatrix {
    /// Gives people their dense indices in this order. Call it first, with the people who like most in front: people
    /// side by side then have about as many likes, so the bounds of `Activity` are close and most people are skipped
    /// in a search.
    pub fn number_people(&mut self, ids: impl IntoIterator<Item = UserId>) {
        for id in ids {
            self.find_or_add_person(id);
        }
    }

    /// Merges the state of a like by its version. `liked` is false for a like that was withdrawn.
    pub fn set_like(&mut self, user_id: UserId, post_id: PostId, liked: bool, version: i64) {
        let (user, post) = (self.find_or_add_person(user_id), self.find_or_add_post(post_id));
        let posts = &self.posts;
        let row = &mut self.people[user].row;
        if !row.merge(post, liked, version, |post| posts[post].id) {
            return;
        }
        if row.update_set(post, liked, posts.len(), self.plan.max_entries_without_set(posts.len())) {
            self.with_sets.push(user);
        }
        self.set_liker(post, user, liked);
        if self.visible.contains(post) {
            self.add_or_remove_visible_like(user, liked);
        }
    }

    /// Merges the state of a person by its version. `active` is false for a person who is blocked or erased.
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
            step(&mut self.people_with_likes, active);
        }
        for post in person.row.liked() {
            step(&mut self.posts[post].likers, active);
        }
        for post in person.authored.clone() {
            self.refresh_visibility(post);
        }
    }

    /// Merges the state of a post by its version.
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

    /// Resets the version of a like, so that the owner's next state of this like is merged whatever its version is.
    pub fn forget_like(&mut self, user_id: UserId, post_id: PostId) {
        let Some(user) = self.people.find(&user_id) else { return };
        let posts = &self.posts;
        self.people[user].row.forget_version(post_id, |post| posts[post].id);
    }

    /// Resets the version of a person, so that the owner's next state of this person is merged whatever its version is.
    pub fn forget_user(&mut self, user_id: UserId) {
        let at = self.find_or_add_person(user_id);
        self.people[at].version = 0;
    }

    /// Resets the version of a post, so that the owner's next state of this post is merged whatever its version is.
    pub fn forget_post(&mut self, post_id: PostId) {
        let at = self.find_or_add_post(post_id);
        self.posts[at].version = 0;
    }

    /// Computes all bounds of the people's activity again. Call it after many changes: bounds that are too low slow
    /// searches down, but change no answer.
    pub fn tighten_all(&mut self) {
        self.activity.tighten_all();
    }

    /// Returns the name of the instruction set that bit-sliced sums are computed with.
    pub fn instructions(&self) -> &'static str {
        self.plan.instructions()
    }

    /// Adds a person to the column of a post or removes the person, and corrects the post's numbers of likers.
    fn set_liker(&mut self, post: Idx, person: Idx, likes: bool) {
        let people = self.people.len();
        let post = &mut self.posts[post];
        step(&mut post.all_likers, likes);
        if self.active.contains(person) {
            step(&mut post.likers, likes);
        }
        post.column.set(person, likes);
        post.column.fit(post.all_likers as usize, people, self.plan.max_listed_likers(people));
    }

    /// Determines whether a post is visible now, and corrects the numbers of visible likes if that changed.
    fn refresh_visibility(&mut self, at: Idx) {
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
        for person in post.column.to_vec() {
            self.add_or_remove_visible_like(person, visible);
        }
    }

    /// Adds a visible like to a person's activity or removes one, and corrects the number of people with likes.
    fn add_or_remove_visible_like(&mut self, person: Idx, is_added: bool) {
        let (before, after) = self.activity.add_or_remove(person, is_added);
        if (before == 0) != (after == 0) && self.active.contains(person) {
            step(&mut self.people_with_likes, after > 0);
        }
    }

    /// Finds an active person. `None` for everybody else, because others get no recommendations and are nobody's
    /// neighbours.
    pub(super) fn find_active(&self, id: UserId) -> Option<Idx> {
        self.people.find(&id).filter(|at| self.active.contains(*at))
    }

    /// Returns the number of visible posts that a person likes.
    #[inline]
    pub(super) fn visible_likes_of(&self, person: Idx) -> u32 {
        self.activity.likes_of(person)
    }

    /// Iterates over the visible posts that a person likes, by ascending post id.
    pub(super) fn visible_row(&self, person: Idx) -> impl Iterator<Item = Idx> + '_ {
        self.people[person].row.liked().filter(|post| self.visible.contains(*post))
    }

    /// Returns whether a person likes a post. Takes O(1) if the column is a bitset, else O(log r) for r entries of the
    /// row.
    pub(super) fn likes(&self, person: Idx, post: Idx) -> bool {
        let Post { id, column, .. } = &self.posts[post];
        match column {
            Column::Bits(people) => people.contains(person),
            Column::List(_) => self.people[person].row.likes(*id, |post| self.posts[post].id),
        }
    }

    fn find_or_add_person(&mut self, id: UserId) -> Idx {
        let new = || Person { id, version: 0, row: Row::default(), authored: Vec::new() };
        let (at, is_new) = self.people.find_or_add(id, new);
        if is_new {
            if (at as usize).is_multiple_of(BLOCK_BITS) {
                self.make_room_for_people();
            }
            self.active.set(at, true);
            self.activity.add_person();
        }
        at
    }

    fn find_or_add_post(&mut self, id: PostId) -> Idx {
        let new = || Post {
            id,
            version: 0,
            deleted: false,
            created_at: None,
            author: None,
            column: Column::List(Vec::new()),
            all_likers: 0,
            likers: 0,
        };
        let (at, is_new) = self.posts.find_or_add(id, new);
        if is_new && (at as usize).is_multiple_of(BLOCK_BITS) {
            self.make_room_for_posts();
        }
        at
    }

    /// Makes room for the next block of people in all bitsets over people.
    fn make_room_for_people(&mut self) {
        let people = self.people.len();
        let max_listed = self.plan.max_listed_likers(people);
        self.active.grow(people);
        for post in self.posts.iter_mut() {
            post.column.fit(post.all_likers as usize, people, max_listed);
        }
    }

    /// Makes room for the next block of posts in all bitsets over posts.
    fn make_room_for_posts(&mut self) {
        let posts = self.posts.len();
        let max_entries = self.plan.max_entries_without_set(posts);
        self.visible.grow(posts);
        let people = &mut self.people;
        self.with_sets.retain(|person| people[*person].row.resize_set(posts, max_entries));
    }
}

#[cfg(test)]
impl LikeMatrix {
    /// Creates an empty matrix that computes by this plan.
    pub(super) fn planned(plan: Plan) -> Self {
        Self { plan, ..Self::default() }
    }

    /// Returns whether any state has named this person.
    pub(super) fn knows(&self, id: UserId) -> bool {
        self.people.find(&id).is_some()
    }
}

#[cfg(test)]
impl PostState {
    /// Creates the first state of a post by this person.
    pub(super) fn written_by(author: i64) -> Self {
        Self { author_id: Some(UserId(author)), created_at: None, deleted: false, version: 1 }
    }
}

#[cfg(test)]
mod tests {
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
        PostState { version, ..PostState::written_by(author) }
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
