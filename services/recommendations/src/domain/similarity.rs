//! Similar people: the nearest neighbours, and the numbers that their similarities are computed from.

use shared::ids::UserId;

use super::matrix::LikeMatrix;
use super::neighbours::{Neighbour, Neighbours, Reason, Weighting};
use super::numbered::Idx;
use super::scratch::Scratch;

impl LikeMatrix {
    /// Lists up to `limit` people by their similarity to `me`, most similar first. With `after` only people who come
    /// after that person are listed. That person is ranked by the current likes, even if blocked meanwhile; nobody
    /// comes after a person who shares no like with `me`. The list is empty when `me` is unknown or not active.
    pub fn similar_people(
        &self,
        scratch: &mut Scratch,
        me: UserId,
        limit: usize,
        after: Option<UserId>,
    ) -> Vec<Reason> {
        let Some(me) = self.find_active(me) else { return Vec::new() };
        let cursor = after.map(|after| self.people.find(&after).and_then(|after| self.find_candidate(me, after)));
        let people = match cursor {
            Some(None) => Vec::new(),
            cursor => self.nearest_by_cosine(scratch, me, limit, cursor.flatten()),
        };
        self.explain_all(me, &Neighbours { people, weights: Vec::new() })
    }

    /// Finds the `limit` nearest neighbours of a person.
    pub(super) fn nearest(&self, scratch: &mut Scratch, me: Idx, limit: usize, weighting: Weighting) -> Neighbours {
        match weighting {
            Weighting::None => {
                Neighbours { people: self.nearest_by_cosine(scratch, me, limit, None), weights: Vec::new() }
            }
            Weighting::Idf => self.nearest_by_weight(scratch, me, limit),
        }
    }

    /// Describes all neighbours of `me` with the numbers that their similarities are computed from.
    pub(super) fn explain_all(&self, me: Idx, neighbours: &Neighbours) -> Vec<Reason> {
        let mut reasons = Vec::with_capacity(neighbours.people.len());
        reasons.extend((0..neighbours.people.len()).filter_map(|place| self.explain_one(me, neighbours, place)));
        reasons
    }

    /// Describes the neighbour of `me` at a place of the list, counted from 0. `None` behind the end of the list.
    pub(super) fn explain_one(&self, me: Idx, neighbours: &Neighbours, place: usize) -> Option<Reason> {
        let Neighbour { person, shared, similarity } = *neighbours.people.get(place)?;
        Some(Reason {
            user_id: self.people[person].id,
            similarity,
            shared_likes: shared,
            your_likes: self.visible_likes_of(me),
            their_likes: self.visible_likes_of(person),
            weights: neighbours.weights.get(place).copied(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::ids::PostId;
    use super::super::matrix::PostState;
    use super::*;

    fn matrix(likes: &[(i64, i64)]) -> LikeMatrix {
        let mut matrix = LikeMatrix::default();
        for (user, post) in likes {
            matrix.set_like(UserId(*user), PostId(*post), true, 1);
            matrix.set_post(PostId(*post), PostState::written_by(99));
        }
        matrix
    }

    #[test]
    fn ties_are_exact_and_go_to_the_lower_id() {
        // 1 likes three posts. 3 shares one of one: 1/3. 2 shares two of four: 4/12 = 1/3. 4 shares two of three: 4/9.
        let likes = [(1, 1), (1, 2), (1, 3), (3, 1), (2, 1), (2, 2), (2, 4), (2, 5), (4, 2), (4, 3), (4, 6)];
        let people = matrix(&likes).similar_people(&mut Scratch::default(), UserId(1), 10, None);
        let ids: Vec<i64> = people.iter().map(|person| person.user_id.0).collect();
        assert_eq!(ids, [4, 2, 3]);
        assert_eq!(people[1].similarity, people[2].similarity);
        assert!((people[0].similarity - 2.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn pages_continue_behind_the_last_person_even_if_that_one_was_blocked() {
        let mut matrix = matrix(&[(1, 1), (2, 1), (3, 1), (4, 1), (5, 2)]);
        let ids = |people: Vec<Reason>| people.into_iter().map(|person| person.user_id.0).collect::<Vec<_>>();
        assert_eq!(ids(matrix.similar_people(&mut Scratch::default(), UserId(1), 2, None)), [2, 3]);
        matrix.set_user(UserId(3), false, 1);
        assert_eq!(ids(matrix.similar_people(&mut Scratch::default(), UserId(1), 2, Some(UserId(3)))), [4]);
        assert_eq!(ids(matrix.similar_people(&mut Scratch::default(), UserId(1), 2, Some(UserId(5)))), [0; 0]);
    }

    #[test]
    fn a_rare_shared_post_weighs_more() {
        // Two people with likes, both like post 1, each one more: w(1) = ln 2, w(others) = ln 3.
        let matrix = matrix(&[(1, 1), (1, 2), (2, 1), (2, 3)]);
        let (common, rare) = (2_f64.ln().powi(2), 3_f64.ln().powi(2));
        let found = matrix.nearest(&mut Scratch::default(), matrix.find_active(UserId(1)).unwrap(), 5, Weighting::Idf);
        assert!((found.people[0].similarity - common / (common + rare)).abs() < 1e-15);
    }
}
