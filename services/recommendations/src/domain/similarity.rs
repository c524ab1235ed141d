//! Who is similar to whom: the cosine of two people's likes of visible posts.

use std::cmp::Ordering;

use ndarray::Array1;
use shared::ids::UserId;

use super::matrix::{At, Post};
use super::{LikeMatrix, Weighting};

/// A similar person, and so a reason for a recommendation.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct Reason {
    /// The similar person.
    pub(crate) user_id: UserId,
    /// The cosine of both people's likes: above 0, at most 1.
    #[schema(example = 0.5)]
    pub(crate) similarity: f64,
    /// How many visible posts both like.
    #[schema(value_type = i64, minimum = 1)]
    pub(crate) shared_likes: u32,
}

/// A similar person with what the order needs.
#[derive(Debug)]
pub(super) struct Neighbour {
    pub(super) at: At,
    pub(super) reason: Reason,
    likes: u32,
}

impl Neighbour {
    /// Most similar first, then the lower user id.
    ///
    /// Unweighted similarities are compared as the exact fractions shared² / likes: the other factor under the root, the
    /// asker's own number of likes, is the same on both sides. Weighted ones are no fractions and compare as they are.
    fn compare(&self, other: &Self, weighting: Weighting) -> Ordering {
        let nearer = match weighting {
            Weighting::None => {
                let square = |neighbour: &Self| u128::from(neighbour.reason.shared_likes).pow(2);
                let (mine, theirs) = (square(self) * u128::from(other.likes), square(other) * u128::from(self.likes));
                theirs.cmp(&mine)
            }
            Weighting::Idf => other.reason.similarity.total_cmp(&self.reason.similarity),
        };
        nearer.then(self.reason.user_id.cmp(&other.reason.user_id))
    }
}

impl LikeMatrix {
    /// The people most similar to `me`, most similar first. With `after` only those who come behind that person, who is
    /// ranked by the likes of now, even if blocked meanwhile; behind somebody without a shared like comes nobody.
    pub(crate) fn similar_people(&self, me: UserId, limit: usize, after: Option<UserId>) -> Vec<Reason> {
        let Some(at) = self.find_active(me) else { return Vec::new() };
        let mut people = self.neighbours(at, Weighting::None);
        if let Some(after) = after {
            let Some(last) = self.find_person(after).and_then(|last| self.compare_rows(at, last)) else {
                return Vec::new();
            };
            people.retain(|person| last.compare(person, Weighting::None).is_lt());
        }
        keep_nearest(&mut people, limit, Weighting::None);
        people.into_iter().map(|person| person.reason).collect()
    }

    /// The nearest neighbours of a person, nearest first.
    pub(super) fn nearest(&self, me: At, limit: usize, weighting: Weighting) -> Vec<Neighbour> {
        let mut people = self.neighbours(me, weighting);
        keep_nearest(&mut people, limit, weighting);
        people
    }

    /// Everybody who shares a like with `me`, in no order.
    fn neighbours(&self, me: At, weighting: Weighting) -> Vec<Neighbour> {
        let weights = self.weights(weighting);
        let mut shared = Array1::<u32>::zeros(self.people.len());
        let mut sums = Array1::<f64>::zeros(self.people.len());
        let mut met = Vec::new();
        // My posts come by id, so each sum has the same order in every process, whatever the order of the events was.
        for (at, post) in self.row(me) {
            let weight = weights.get(at as usize).copied().unwrap_or_default();
            for person in self.column(post).filter(|person| *person != me) {
                let person_at = person as usize;
                if let (Some(shared), Some(sum)) = (shared.get_mut(person_at), sums.get_mut(person_at)) {
                    if *shared == 0 {
                        met.push(person);
                    }
                    *shared += 1;
                    *sum += weight;
                }
            }
        }
        let length = |person: At| self.row(person).filter_map(|(at, _)| weights.get(at as usize)).sum::<f64>();
        let mine = (self.likes_of(me), if weighting == Weighting::Idf { length(me) } else { 0.0 });
        let neighbour = |at: At| {
            let (shared, sum) = (shared.get(at as usize).copied()?, sums.get(at as usize).copied()?);
            let similarity = match weighting {
                Weighting::None => cosine(shared, mine.0, self.likes_of(at)),
                Weighting::Idf => sum / (mine.1 * length(at)).sqrt(),
            };
            self.neighbour(at, shared, similarity)
        };
        met.into_iter().filter_map(neighbour).collect()
    }

    /// How near one person is, without counters for everybody.
    fn compare_rows(&self, me: At, other: At) -> Option<Neighbour> {
        let shared = self.row(me).filter(|(post, _)| self.likes(other, *post)).count() as u32;
        let similarity = cosine(shared, self.likes_of(me), self.likes_of(other));
        (shared > 0).then(|| self.neighbour(other, shared, similarity)).flatten()
    }

    fn neighbour(&self, at: At, shared_likes: u32, similarity: f64) -> Option<Neighbour> {
        let person = self.people.get(at as usize)?;
        let reason = Reason { user_id: person.id, similarity, shared_likes };
        Some(Neighbour { at, reason, likes: person.visible_likes })
    }

    fn likes_of(&self, person: At) -> u32 {
        self.people.get(person as usize).map(|person| person.visible_likes).unwrap_or_default()
    }

    /// The squared weight of every post; unweighted similarities do not ask for it.
    fn weights(&self, weighting: Weighting) -> Array1<f64> {
        if weighting == Weighting::None {
            return Array1::default(0);
        }
        let people = self.people.iter().filter(|person| person.active && person.visible_likes > 0).count();
        let weight = |post: &Post| match post.likers {
            0 => 0.0,
            likers => (1.0 + people as f64 / f64::from(likers)).ln().powi(2),
        };
        self.posts.iter().map(weight).collect()
    }
}

/// shared / sqrt(a · b), as the root of the squared fraction: a division of integers is rounded once, so equal fractions
/// give equal numbers, and the numbers never contradict the exact order.
fn cosine(shared: u32, a: u32, b: u32) -> f64 {
    (u64::from(shared).pow(2) as f64 / (u64::from(a) * u64::from(b)) as f64).sqrt()
}

/// Keeps the nearest ones, in order.
fn keep_nearest(people: &mut Vec<Neighbour>, limit: usize, weighting: Weighting) {
    if people.len() > limit {
        people.select_nth_unstable_by(limit, |a, b| a.compare(b, weighting));
        people.truncate(limit);
    }
    people.sort_unstable_by(|a, b| a.compare(b, weighting));
}

#[cfg(test)]
mod tests {
    use super::super::PostId;
    use super::*;

    fn matrix(likes: &[(i64, i64)]) -> LikeMatrix {
        let mut matrix = LikeMatrix::default();
        for (user, post) in likes {
            matrix.set_like(UserId(*user), PostId(*post), true, 1);
            matrix.set_post(PostId(*post), Some(UserId(99)), false, 1);
        }
        matrix
    }

    #[test]
    fn ties_are_exact_and_go_to_the_lower_id() {
        // 1 likes three posts. 3 shares one of one: 1/3. 2 shares two of four: 4/12 = 1/3. 4 shares two of three: 4/9.
        let likes = [(1, 1), (1, 2), (1, 3), (3, 1), (2, 1), (2, 2), (2, 4), (2, 5), (4, 2), (4, 3), (4, 6)];
        let people = matrix(&likes).similar_people(UserId(1), 10, None);
        let ids: Vec<i64> = people.iter().map(|person| person.user_id.0).collect();
        assert_eq!(ids, [4, 2, 3]);
        assert_eq!(people[1].similarity, people[2].similarity);
        assert!((people[0].similarity - 2.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn pages_continue_behind_the_last_person_even_if_that_one_was_blocked() {
        let mut matrix = matrix(&[(1, 1), (2, 1), (3, 1), (4, 1), (5, 2)]);
        let ids = |people: Vec<Reason>| people.into_iter().map(|person| person.user_id.0).collect::<Vec<_>>();
        assert_eq!(ids(matrix.similar_people(UserId(1), 2, None)), [2, 3]);
        matrix.set_user(UserId(3), false, 1);
        assert_eq!(ids(matrix.similar_people(UserId(1), 2, Some(UserId(3)))), [4]);
        assert_eq!(ids(matrix.similar_people(UserId(1), 2, Some(UserId(5)))), [0; 0]);
    }

    #[test]
    fn a_rare_shared_post_weighs_more() {
        // Two people with likes, both like post 1, each one more: w(1) = ln 2, w(others) = ln 3.
        let matrix = matrix(&[(1, 1), (1, 2), (2, 1), (2, 3)]);
        let (common, rare) = (2_f64.ln().powi(2), 3_f64.ln().powi(2));
        let found = matrix.nearest(matrix.find_active(UserId(1)).unwrap(), 5, Weighting::Idf);
        assert!((found[0].reason.similarity - common / (common + rare)).abs() < 1e-15);
    }
}
