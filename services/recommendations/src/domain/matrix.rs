//! The like matrix: everybody's likes, fed by states in any order, repeated or not.
//!
//! Raw likes are kept whatever their people and posts are, and two flags decide what counts: whether a person is active,
//! and whether a post is visible. So a block hides without forgetting, and an unblock restores exactly.

use std::collections::HashMap;

use shared::ids::UserId;

use super::PostId;

/// A place in one of the lists: people and posts are numbered as they come, so that counters can be arrays.
pub(super) type At = u32;

/// Likes, people and posts, each at the newest version that was seen.
#[derive(Debug, Default)]
pub(crate) struct LikeMatrix {
    pub(super) people: Vec<Person>,
    pub(super) posts: Vec<Post>,
    person_at: HashMap<UserId, At>,
    post_at: HashMap<PostId, At>,
    likes: HashMap<(At, At), Like>,
}

/// A row of the matrix. Somebody who is only known by a like or as an author counts as active (rule R10): a post or a
/// like proves that the person exists.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: UserId,
    version: i64,
    pub(super) active: bool,
    /// What they like, hidden posts included, by post id: sums over it have one order in every process.
    row: Vec<At>,
    /// What they wrote.
    authored: Vec<At>,
    /// How many visible posts they like.
    pub(super) visible_likes: u32,
}

/// A column of the matrix. A post that is only known by a like is not visible yet.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) id: PostId,
    version: i64,
    deleted: bool,
    pub(super) author: Option<At>,
    pub(super) visible: bool,
    /// Who likes it, blocked people included.
    column: Vec<At>,
    /// How many active people like it.
    pub(super) likers: u32,
}

/// The newest state of a pair. Withdrawn likes stay, so that a late older state cannot bring them back.
#[derive(Debug)]
struct Like {
    version: i64,
    active: bool,
}

impl LikeMatrix {
    /// Merges the state of a like.
    pub(crate) fn set_like(&mut self, user_id: UserId, post_id: PostId, active: bool, version: i64) {
        let (user, post) = (self.find_or_add_person(user_id), self.find_or_add_post(post_id));
        let like = self.likes.entry((user, post)).or_insert(Like { version: 0, active: false });
        if version <= like.version {
            return;
        }
        like.version = version;
        if std::mem::replace(&mut like.active, active) == active {
            return;
        }
        let Self { people, posts, .. } = self;
        if let Some(person) = people.get_mut(user as usize) {
            let id = |at: At| posts.get(at as usize).map(|post| post.id);
            set_member(&mut person.row, post, active, id);
        }
        if let (Some(person), Some(post)) = (people.get_mut(user as usize), posts.get_mut(post as usize)) {
            set_member(&mut post.column, user, active, |at| at);
            if post.visible {
                count(&mut person.visible_likes, active);
            }
            if person.active {
                count(&mut post.likers, active);
            }
        }
    }

    /// Merges the state of a person: `active` is neither blocked nor erased.
    pub(crate) fn set_user(&mut self, user_id: UserId, active: bool, version: i64) {
        let at = self.find_or_add_person(user_id);
        let Self { people, posts, .. } = self;
        let Some(person) = people.get_mut(at as usize) else { return };
        if version <= person.version {
            return;
        }
        person.version = version;
        if std::mem::replace(&mut person.active, active) == active {
            return;
        }
        for post in &person.row {
            if let Some(post) = posts.get_mut(*post as usize) {
                count(&mut post.likers, active);
            }
        }
        for post in person.authored.clone() {
            self.refresh_visibility(post);
        }
    }

    /// Merges the state of a post. A deleted one has no author any more.
    pub(crate) fn set_post(&mut self, post_id: PostId, author_id: Option<UserId>, deleted: bool, version: i64) {
        let at = self.find_or_add_post(post_id);
        let author = author_id.map(|id| self.find_or_add_person(id));
        let Self { people, posts, .. } = self;
        let Some(post) = posts.get_mut(at as usize) else { return };
        if version <= post.version {
            return;
        }
        post.version = version;
        post.deleted = deleted;
        let before = std::mem::replace(&mut post.author, author);
        if before != author {
            for (person, wrote) in [(before, false), (author, true)] {
                if let Some(person) = person.and_then(|person| people.get_mut(person as usize)) {
                    set_member(&mut person.authored, at, wrote, |at| at);
                }
            }
        }
        self.refresh_visibility(at);
    }

    /// Forgets the version of a like, so that the owner's next state counts, whatever was known.
    pub(crate) fn forget_like(&mut self, user_id: UserId, post_id: PostId) {
        let (user, post) = (self.find_or_add_person(user_id), self.find_or_add_post(post_id));
        if let Some(like) = self.likes.get_mut(&(user, post)) {
            like.version = 0;
        }
    }

    /// Forgets the version of a person.
    pub(crate) fn forget_user(&mut self, user_id: UserId) {
        let at = self.find_or_add_person(user_id);
        if let Some(person) = self.people.get_mut(at as usize) {
            person.version = 0;
        }
    }

    /// Forgets the version of a post.
    pub(crate) fn forget_post(&mut self, post_id: PostId) {
        let at = self.find_or_add_post(post_id);
        if let Some(post) = self.posts.get_mut(at as usize) {
            post.version = 0;
        }
    }

    /// Computes again whether a post is visible, and what follows for those who like it.
    fn refresh_visibility(&mut self, at: At) {
        let Self { people, posts, .. } = self;
        let Some(post) = posts.get_mut(at as usize) else { return };
        let author = post.author.and_then(|author| people.get(author as usize));
        let visible = !post.deleted && author.is_some_and(|author| author.active);
        if std::mem::replace(&mut post.visible, visible) == visible {
            return;
        }
        for person in &post.column {
            if let Some(person) = people.get_mut(*person as usize) {
                count(&mut person.visible_likes, visible);
            }
        }
    }

    /// Where a person is, when the person is active: nobody else is in the matrix.
    pub(super) fn find_active(&self, id: UserId) -> Option<At> {
        self.find_person(id).filter(|at| self.people.get(*at as usize).is_some_and(|person| person.active))
    }

    /// Where a person is.
    pub(super) fn find_person(&self, id: UserId) -> Option<At> {
        self.person_at.get(&id).copied()
    }

    /// The visible posts that a person likes, by post id.
    pub(super) fn row(&self, person: At) -> impl Iterator<Item = (At, &Post)> {
        let row = self.people.get(person as usize).map(|person| person.row.as_slice()).unwrap_or_default();
        row.iter().filter_map(|at| Some((*at, self.posts.get(*at as usize)?))).filter(|(_, post)| post.visible)
    }

    /// The active people who like a post.
    pub(super) fn column<'a>(&'a self, post: &'a Post) -> impl Iterator<Item = At> + 'a {
        post.column.iter().copied().filter(|at| self.people.get(*at as usize).is_some_and(|person| person.active))
    }

    /// Whether a person likes a post.
    pub(super) fn likes(&self, person: At, post: At) -> bool {
        self.likes.get(&(person, post)).is_some_and(|like| like.active)
    }

    fn find_or_add_person(&mut self, id: UserId) -> At {
        let people = &mut self.people;
        *self.person_at.entry(id).or_insert_with(|| {
            people.push(Person {
                id,
                version: 0,
                active: true,
                row: Vec::new(),
                authored: Vec::new(),
                visible_likes: 0,
            });
            (people.len() - 1) as At
        })
    }

    fn find_or_add_post(&mut self, id: PostId) -> At {
        let posts = &mut self.posts;
        *self.post_at.entry(id).or_insert_with(|| {
            posts.push(Post {
                id,
                version: 0,
                deleted: false,
                author: None,
                visible: false,
                column: Vec::new(),
                likers: 0,
            });
            (posts.len() - 1) as At
        })
    }
}

/// Puts a member into a list that is sorted by `key`, or takes it out.
fn set_member<K: Ord>(list: &mut Vec<At>, member: At, present: bool, key: impl Fn(At) -> K) {
    match (list.binary_search_by_key(&key(member), |at| key(*at)), present) {
        (Err(gap), true) => list.insert(gap, member),
        (Ok(found), false) => {
            list.remove(found);
        }
        (Ok(_), true) | (Err(_), false) => {}
    }
}

fn count(counter: &mut u32, up: bool) {
    *counter = if up { counter.saturating_add(1) } else { counter.saturating_sub(1) };
}

#[cfg(test)]
mod tests {
    use super::super::Weighting;
    use super::*;

    /// Ann and Bob both like post 1, Bob likes post 2; Cleo wrote both.
    fn example() -> LikeMatrix {
        let mut matrix = LikeMatrix::default();
        for (user, post) in [(1, 1), (2, 1), (2, 2)] {
            matrix.set_like(UserId(user), PostId(post), true, 1);
        }
        for post in [1, 2] {
            matrix.set_post(PostId(post), Some(UserId(3)), false, 1);
        }
        matrix
    }

    fn recommended(matrix: &LikeMatrix) -> Vec<i64> {
        matrix.recommend(UserId(1), 5, 100, Weighting::None).iter().map(|found| found.post_id.0).collect()
    }

    #[test]
    fn a_like_of_an_unknown_post_counts_when_the_post_arrives() {
        let mut matrix = example();
        assert_eq!(recommended(&matrix), [2]);
        matrix.set_like(UserId(2), PostId(9), true, 1);
        assert_eq!(recommended(&matrix), [2]);
        matrix.set_post(PostId(9), Some(UserId(7)), false, 1);
        assert_eq!(recommended(&matrix), [9, 2]);
    }

    #[test]
    fn a_block_hides_a_person_and_their_posts_and_an_unblock_restores_both() {
        let mut matrix = example();
        let before = matrix.recommend(UserId(1), 5, 100, Weighting::Idf);
        for blocked in [2, 3] {
            matrix.set_user(UserId(blocked), false, 2);
            assert_eq!(recommended(&matrix), [0; 0]);
            matrix.set_user(UserId(blocked), true, 3);
            assert_eq!(matrix.recommend(UserId(1), 5, 100, Weighting::Idf), before);
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
        matrix.set_post(PostId(2), None, true, 3);
        matrix.set_post(PostId(2), Some(UserId(3)), false, 2);
        assert_eq!(recommended(&matrix), [0; 0]);
    }

    #[test]
    fn a_deleted_post_is_hidden_whatever_its_state_says_of_the_author() {
        let mut matrix = example();
        matrix.set_post(PostId(2), Some(UserId(3)), true, 2);
        assert_eq!(recommended(&matrix), [0; 0]);
        matrix.set_post(PostId(2), Some(UserId(3)), false, 3);
        assert_eq!(recommended(&matrix), [2]);
    }
}
