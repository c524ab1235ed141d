//! Who is similar to whom: the cosine of two people's likes of visible posts.

use std::cmp::Ordering;

use shared::ids::UserId;

use super::bits::{PEOPLE, TILE, WORD, ones};
use super::matrix::{Column, Post};
use super::numbered::At;
use super::scratch::{Scratch, grow};
use super::top::Top;
use super::{LikeMatrix, Weighting};

/// A similar person, and so a reason for a recommendation. Without weights the similarity is
/// `shared_likes / sqrt(your_likes · their_likes)`, with weights it is `shared / sqrt(yours · theirs)`.
#[derive(Clone, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct Reason {
    /// The similar person.
    pub user_id: UserId,
    /// The cosine of both people's likes: above 0, at most 1.
    #[schema(example = 0.5)]
    pub similarity: f64,
    /// How many visible posts both like.
    #[schema(value_type = i64, minimum = 1)]
    pub shared_likes: u32,
    /// How many visible posts you like.
    #[schema(value_type = i64, minimum = 1)]
    pub your_likes: u32,
    /// How many visible posts the other person likes.
    #[schema(value_type = i64, minimum = 1)]
    pub their_likes: u32,
    /// What the similarity is computed from with `weighting=idf`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<Weights>,
}

/// Sums of the squared weights `ln(1 + people with a like / people who like the post)²`.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, utoipa::ToSchema)]
pub struct Weights {
    /// Over the posts that both like.
    pub shared: f64,
    /// Over the posts that you like.
    pub yours: f64,
    /// Over the posts that the other person likes.
    pub theirs: f64,
}

/// A similar person with what the order needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighbour {
    pub(super) at: At,
    pub(super) user_id: UserId,
    /// What grows with the similarity to the asker: the cosine with weights, shared² / likes without.
    nearness: f64,
    shared: u32,
    likes: u32,
    weights: Option<Weights>,
}

impl Neighbour {
    /// Most similar first, then the lower user id.
    ///
    /// Unweighted similarities are compared as the exact fractions shared² / likes: the other factor under the root, the
    /// asker's own number of likes, is the same on both sides. A quotient is rounded once (below 94 million shared likes, whose
    /// square a float still holds), so different ones are in the order of the fractions, and only equal ones need the
    /// products. Weighted similarities are no fractions and compare as they are.
    fn compare(&self, other: &Self) -> Ordering {
        let exactly = || {
            let square = |neighbour: &Self| u128::from(u64::from(neighbour.shared).pow(2));
            let (mine, theirs) = (square(self) * u128::from(other.likes), square(other) * u128::from(self.likes));
            if self.weights.is_some() { Ordering::Equal } else { theirs.cmp(&mine) }
        };
        other.nearness.total_cmp(&self.nearness).then_with(exactly).then(self.user_id.cmp(&other.user_id))
    }

    /// The similarity to somebody with so many likes.
    ///
    /// The root of the squared fraction: a division of integers is rounded once, so equal fractions give equal numbers, and
    /// the numbers never contradict the exact order.
    pub(super) fn similarity(&self, your_likes: u32) -> f64 {
        let (shared, yours, theirs) = (u64::from(self.shared), u64::from(your_likes), u64::from(self.likes));
        if self.weights.is_some() { self.nearness } else { (shared.pow(2) as f64 / (yours * theirs) as f64).sqrt() }
    }

    /// As it is told to somebody with so many likes.
    pub(super) fn reason(&self, your_likes: u32) -> Reason {
        Reason {
            user_id: self.user_id,
            similarity: self.similarity(your_likes),
            shared_likes: self.shared,
            your_likes,
            their_likes: self.likes,
            weights: self.weights,
        }
    }
}

impl Weights {
    fn cosine(&self) -> f64 {
        self.shared / (self.yours * self.theirs).sqrt()
    }
}

impl LikeMatrix {
    /// The people most similar to `me`, most similar first. With `after` only those who come behind that person, who is
    /// ranked by the likes of now, even if blocked meanwhile; behind somebody without a shared like comes nobody.
    pub fn similar_people(
        &self,
        scratch: &mut Scratch,
        me: UserId,
        limit: usize,
        after: Option<UserId>,
    ) -> Vec<Reason> {
        let Some(at) = self.find_active(me) else { return Vec::new() };
        let behind = after.map(|after| self.people.find(&after).and_then(|after| self.compare_rows(at, after)));
        let found = match behind {
            Some(None) => Vec::new(),
            behind => self.most_similar(scratch, at, limit, behind.flatten()),
        };
        let likes = self.visible_likes_of(at);
        found.into_iter().map(|neighbour| neighbour.reason(likes)).collect()
    }

    /// The nearest neighbours of a person, nearest first.
    pub(super) fn nearest(&self, scratch: &mut Scratch, me: At, limit: usize, weighting: Weighting) -> Vec<Neighbour> {
        match weighting {
            Weighting::None => self.most_similar(scratch, me, limit, None),
            Weighting::Idf => self.most_similar_by_weight(scratch, me, limit),
        }
    }

    /// The most similar people without weights, behind somebody if that is asked for.
    fn most_similar(&self, scratch: &mut Scratch, me: At, limit: usize, behind: Option<Neighbour>) -> Vec<Neighbour> {
        scratch.shared.grow(self.people.len());
        let mut search = Search { matrix: self, me, behind, top: Top::new(limit, Neighbour::compare) };
        let mine: Vec<&Post> = self.row(me).map(|at| &self.posts[at]).collect();
        let mut sets = Vec::new();
        let mut set_entries = 0;
        for post in &mine {
            if let Column::Bits(people) = &post.column {
                sets.push(people.words());
                set_entries += post.likers as usize;
            }
        }
        let blocks = self.people.len().div_ceil(PEOPLE);
        let use_sums = blocks * (self.plan.look + self.plan.add * sets.len()) < self.plan.entry * set_entries;
        for post in mine {
            match &post.column {
                Column::List(people) => scratch.shared.add(people.iter().copied()),
                Column::Bits(people) if !use_sums => scratch.shared.add(people.iter()),
                Column::Bits(_) => {}
            }
        }
        if use_sums {
            search.look_through(scratch, &sets);
        } else {
            for at in scratch.shared.met.iter().filter(|at| self.active.contains(**at)) {
                search.offer(*at, scratch.shared.of(*at));
            }
        }
        scratch.shared.clear();
        search.top.into_sorted()
    }

    /// The most similar people with weights. The exact similarity needs a pass over the other person's likes, so it is
    /// computed only for those whose similarity cannot be too small already.
    fn most_similar_by_weight(&self, scratch: &mut Scratch, me: At, limit: usize) -> Vec<Neighbour> {
        let Scratch { shared, weights, squares, .. } = scratch;
        shared.grow(self.people.len());
        grow(weights, self.people.len());
        if squares.0 != self.people_with_likes {
            *squares = (self.people_with_likes, ndarray::Array1::default(0));
        }
        grow(&mut squares.1, self.people_with_likes as usize + 1);
        // My posts come by id, so each sum has the same order in every process, whatever the order of the events was.
        let mut yours = 0.0;
        for post in self.row(me).map(|at| &self.posts[at]) {
            let square = self.square(squares, post);
            yours += square;
            let weights = weights.as_slice_mut().unwrap_or_default();
            let weigh = |person: &At| {
                if let Some(weight) = weights.get_mut(*person as usize) {
                    *weight += square;
                }
            };
            match &post.column {
                Column::List(people) => shared.add(people.iter().copied().inspect(weigh)),
                Column::Bits(people) => shared.add(people.iter().inspect(weigh)),
            }
        }
        // Nobody's other likes weigh less than those that all people share.
        let lightest = 2_f64.ln().powi(2);
        let met = shared.met.iter().filter(|at| **at != me && self.active.contains(**at));
        let mut at_most: Vec<(f64, At)> = met
            .map(|at| {
                let sum = weights.get(*at as usize).copied().unwrap_or_default();
                let others = self.visible_likes_of(*at).saturating_sub(shared.of(*at));
                (sum / (yours * (sum + f64::from(others) * lightest)).sqrt(), *at)
            })
            .collect();
        at_most.sort_unstable_by(|(one, _), (other, _)| other.total_cmp(one));
        let mut top = Top::new(limit, Neighbour::compare);
        for (bound, at) in at_most {
            // What is lost by rounding is far less than this.
            if top.last().is_some_and(|last| last.nearness > bound * (1.0 + 1e-9)) {
                break;
            }
            let theirs = self.row(at).map(|post| self.square(squares, &self.posts[post])).sum();
            let sum = weights.get(at as usize).copied().unwrap_or_default();
            let weights = Weights { shared: sum, yours, theirs };
            let neighbour = self.neighbour(at, shared.of(at));
            top.offer(Neighbour { nearness: weights.cosine(), weights: Some(weights), ..neighbour });
        }
        for at in &shared.met {
            if let Some(weight) = weights.get_mut(*at as usize) {
                *weight = 0.0;
            }
        }
        shared.clear();
        top.into_sorted()
    }

    /// The squared weight of a post.
    fn square(&self, (people, known): &mut (u32, ndarray::Array1<f64>), post: &Post) -> f64 {
        let Some(square) = known.get_mut(post.likers as usize) else { return 0.0 };
        if *square == 0.0 && post.likers > 0 {
            *square = (1.0 + f64::from(*people) / f64::from(post.likers)).ln().powi(2);
        }
        *square
    }

    /// How near one person is, without counters for everybody.
    fn compare_rows(&self, me: At, other: At) -> Option<Neighbour> {
        let shared = self.row(me).filter(|post| self.likes(other, *post)).count() as u32;
        (shared > 0).then(|| self.neighbour(other, shared))
    }

    fn neighbour(&self, at: At, shared: u32) -> Neighbour {
        let person = &self.people[at];
        let likes = self.visible_likes_of(at);
        Neighbour { at, user_id: person.id, nearness: nearness(shared, likes), shared, likes, weights: None }
    }
}

/// A search for the most similar people.
struct Search<'a, F> {
    matrix: &'a LikeMatrix,
    me: At,
    behind: Option<Neighbour>,
    top: Top<Neighbour, F>,
}

impl<F: Fn(&Neighbour, &Neighbour) -> Ordering> Search<'_, F> {
    fn offer(&mut self, at: At, shared: u32) {
        let likes = self.matrix.visible_likes_of(at);
        if at == self.me || self.top.last().is_some_and(|last| last.is_nearer_than(shared, likes)) {
            return;
        }
        let neighbour = self.matrix.neighbour(at, shared);
        if self.behind.is_none_or(|behind| behind.compare(&neighbour).is_lt()) {
            self.top.offer(neighbour);
        }
    }

    /// Offers whoever may be among the most similar: those who are in so many of the sets, together with the lists that
    /// have met them, that they can come before the last one so far. People with about as many likes as the asker come
    /// first: they are often the most similar ones, and whoever comes later has to be as near.
    fn look_through(&mut self, scratch: &mut Scratch, sets: &[&[u64]]) {
        let Scratch { shared, met, met_again, sums, .. } = scratch;
        let matrix = self.matrix;
        met.grow(matrix.people.len());
        met_again.grow(matrix.people.len());
        let mut most_met = 0;
        for at in &shared.met {
            met.set(*at, true);
            let times = shared.of(*at);
            if times > 1 {
                met_again.set(*at, true);
                most_met = most_met.max(times);
            }
        }
        let (active, fewest) = (matrix.active.words(), &matrix.fewest);
        let (words, mine) = (active.len(), self.me as usize / WORD);
        let tiles = words.div_ceil(TILE);
        for tile in (mine / TILE..tiles).chain(0..mine / TILE) {
            sums.count(matrix.plan.arch, sets, tile * TILE);
            let (first, end) = (tile * TILE, words.min((tile + 1) * TILE));
            let start = mine.clamp(first, end - 1);
            for word in (start..end).chain(first..start) {
                let (Some(active), Some(fewest)) = (active.get(word), fewest.get(word)) else { continue };
                let offer = |search: &mut Self, found: u64| {
                    for bit in ones(0, found & active) {
                        let at = (word * WORD) as At + bit;
                        search.offer(at, sums.of(word - first, bit) + shared.of(at));
                    }
                };
                let mut offered = 0;
                if self.top.last().is_none() {
                    // Who shares most comes first, so that there is a bound early.
                    offered = sums.most(word - first, self.top.limit());
                    offer(self, offered);
                }
                let least = self.top.last().map_or(1, |last| last.needs(fewest.bound));
                let mut found = sums.at_least(word - first, least);
                for (met, times) in [(&*met, 1), (&*met_again, most_met)] {
                    let met = met.words().get(word).copied().unwrap_or_default();
                    if met != 0 {
                        found |= met & sums.at_least(word - first, least.saturating_sub(times));
                    }
                }
                offer(self, found & !offered);
            }
        }
        for at in &shared.met {
            met.set(*at, false);
            met_again.set(*at, false);
        }
    }
}

impl Neighbour {
    /// Whether this one is more similar than somebody with so many shared likes of so many.
    fn is_nearer_than(&self, shared: u32, likes: u32) -> bool {
        // Everybody who shares a like is asked this, and products take less time than a quotient.
        let square = |shared: u32| u128::from(u64::from(shared).pow(2));
        square(self.shared) * u128::from(likes) > square(shared) * u128::from(self.likes)
    }

    /// How many shared likes somebody with at least so many likes needs to come before this one, or a little fewer.
    fn needs(&self, likes: u32) -> u32 {
        let shared = f64::from(self.shared) * (f64::from(likes) / f64::from(self.likes)).sqrt();
        // Rounding loses far less than this.
        ((shared * (1.0 - 1e-9)).ceil() as u32).max(1)
    }
}

/// Grows with the similarity of somebody with so many likes.
fn nearness(shared: u32, likes: u32) -> f64 {
    u64::from(shared).pow(2) as f64 / f64::from(likes)
}

#[cfg(test)]
mod tests {
    use super::super::PostId;
    use super::super::testing::written_by;
    use super::*;

    fn matrix(likes: &[(i64, i64)]) -> LikeMatrix {
        let mut matrix = LikeMatrix::default();
        for (user, post) in likes {
            matrix.set_like(UserId(*user), PostId(*post), true, 1);
            matrix.set_post(PostId(*post), written_by(99));
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
    fn fractions_that_round_alike_are_still_told_apart() {
        let neighbour = |id: i64, shared: u32, likes: u32| Neighbour {
            at: 0,
            user_id: UserId(id),
            nearness: nearness(shared, likes),
            shared,
            likes,
            weights: None,
        };
        // The fractions differ by less than the step from one float to the next.
        let (one, other) = (neighbour(1, 3_000_008, 6_000_023), neighbour(2, 3_000_001, 5_999_995));
        assert_eq!(one.nearness, other.nearness);
        assert_eq!(other.compare(&one), Ordering::Less);
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
        assert!((found[0].similarity(2) - common / (common + rare)).abs() < 1e-15);
    }
}
