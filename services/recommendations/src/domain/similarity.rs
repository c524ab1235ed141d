//! Who is similar to whom: the cosine of two people's likes of visible posts.

use std::cmp::Ordering;

use shared::ids::UserId;

use super::bits::{NUMBERS, TILE, WORD, ones};
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

/// Somebody with likes in common, while the most similar people are searched for.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    at: At,
    shared: u32,
    /// What grows with the similarity to the asker: the cosine with weights, shared² / likes without.
    nearness: f64,
}

/// A similar person who was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Neighbour {
    pub(super) at: At,
    shared: u32,
    pub(super) similarity: f64,
}

/// The most similar people, most similar first.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    pub(super) people: Vec<Neighbour>,
    /// With weights, those of each.
    weights: Vec<Weights>,
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
        let Some(me) = self.find_active(me) else { return Vec::new() };
        let behind = after.map(|after| self.people.find(&after).and_then(|after| self.compare_rows(me, after)));
        let people = match behind {
            Some(None) => Vec::new(),
            behind => self.most_similar(scratch, me, limit, behind.flatten()),
        };
        self.reasons(me, &Neighbours { people, weights: Vec::new() })
    }

    /// The nearest neighbours of a person.
    pub(super) fn nearest(&self, scratch: &mut Scratch, me: At, limit: usize, weighting: Weighting) -> Neighbours {
        match weighting {
            Weighting::None => Neighbours { people: self.most_similar(scratch, me, limit, None), weights: Vec::new() },
            Weighting::Idf => self.most_similar_by_weight(scratch, me, limit),
        }
    }

    /// All neighbours as they are told to `me`.
    pub(super) fn reasons(&self, me: At, neighbours: &Neighbours) -> Vec<Reason> {
        let mut reasons = Vec::with_capacity(neighbours.people.len());
        reasons.extend((0..neighbours.people.len()).filter_map(|place| self.reason(me, neighbours, place)));
        reasons
    }

    /// The neighbour at a place, counted from 0, as it is told to `me`.
    pub(super) fn reason(&self, me: At, neighbours: &Neighbours, place: usize) -> Option<Reason> {
        let Neighbour { at, shared, similarity } = *neighbours.people.get(place)?;
        Some(Reason {
            user_id: self.people[at].id,
            similarity,
            shared_likes: shared,
            your_likes: self.visible_likes_of(me),
            their_likes: self.visible_likes_of(at),
            weights: neighbours.weights.get(place).copied(),
        })
    }

    /// The most similar people without weights, behind somebody if that is asked for.
    fn most_similar(&self, scratch: &mut Scratch, me: At, limit: usize, behind: Option<Candidate>) -> Vec<Neighbour> {
        scratch.shared.grow(self.people.len());
        let mut search =
            Search { matrix: self, me, behind, top: Top::new(limit, |a: &_, b: &_| self.compare_people(a, b)) };
        let mine: Vec<&Post> = self.row(me).map(|at| &self.posts[at]).collect();
        let mut sets = Vec::new();
        let mut set_entries = 0;
        for post in &mine {
            if let Column::Bits(people) = &post.column {
                sets.push(people.words());
                set_entries += post.likers as usize;
            }
        }
        let blocks = self.people.len().div_ceil(NUMBERS);
        let use_sums = blocks * (self.plan.look + self.plan.add * sets.len()) < self.plan.entry * set_entries;
        for post in mine {
            match &post.column {
                Column::List(people) => scratch.shared.add(people.iter().copied()),
                Column::Bits(people) if !use_sums => scratch.shared.add(people.iter()),
                Column::Bits(_) => {}
            }
        }
        if use_sums {
            search.look_through(scratch, &[sets]);
        } else {
            for at in scratch.shared.met.iter().filter(|at| self.active.contains(**at)) {
                search.offer(*at, scratch.shared.of(*at));
            }
        }
        scratch.shared.clear();
        let yours = self.visible_likes_of(me);
        let neighbour = |Candidate { at, shared, .. }: Candidate| {
            // The root of the squared fraction: a division of integers is rounded once, so equal fractions give equal
            // numbers, and the numbers never contradict the exact order.
            let product = u64::from(yours) * u64::from(self.visible_likes_of(at));
            Neighbour { at, shared, similarity: (u64::from(shared).pow(2) as f64 / product as f64).sqrt() }
        };
        search.top.into_sorted().into_iter().map(neighbour).collect()
    }

    /// Most similar first, then the lower user id.
    ///
    /// Unweighted similarities are compared as the exact fractions shared² / likes: the other factor under the root, the
    /// asker's own number of likes, is the same on both sides. A quotient is rounded once (below 94 million shared likes, whose
    /// square a float still holds), so different ones are in the order of the fractions, and only equal ones need the
    /// products.
    #[inline]
    fn compare_people(&self, one: &Candidate, other: &Candidate) -> Ordering {
        match other.nearness.total_cmp(&one.nearness) {
            Ordering::Equal => self.compare_exactly(one, other),
            different => different,
        }
    }

    #[cold]
    fn compare_exactly(&self, one: &Candidate, other: &Candidate) -> Ordering {
        let square = |candidate: &Candidate| u128::from(u64::from(candidate.shared).pow(2));
        let likes = |candidate: &Candidate| u128::from(self.visible_likes_of(candidate.at));
        let products = (square(other) * likes(one)).cmp(&(square(one) * likes(other)));
        products.then_with(|| self.compare_ids(one, other))
    }

    fn compare_ids(&self, one: &Candidate, other: &Candidate) -> Ordering {
        self.people[one.at].id.cmp(&self.people[other.at].id)
    }

    /// The most similar people with weights. The exact similarity needs a pass over the other person's likes, so it is
    /// computed only for those whose similarity cannot be too small already.
    fn most_similar_by_weight(&self, scratch: &mut Scratch, me: At, limit: usize) -> Neighbours {
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
        // Weighted similarities are no fractions and compare as they are.
        let mut top = Top::new(limit, |(one, _): &(Candidate, Weights), (other, _): &(Candidate, Weights)| {
            other.nearness.total_cmp(&one.nearness).then_with(|| self.compare_ids(one, other))
        });
        for (bound, at) in at_most {
            if top.last().is_some_and(|(last, _)| last.nearness * A_LITTLE_LESS > bound) {
                break;
            }
            let theirs = self.row(at).map(|post| self.square(squares, &self.posts[post])).sum();
            let sum = weights.get(at as usize).copied().unwrap_or_default();
            let weights = Weights { shared: sum, yours, theirs };
            top.offer((Candidate { at, shared: shared.of(at), nearness: weights.cosine() }, weights));
        }
        for at in &shared.met {
            if let Some(weight) = weights.get_mut(*at as usize) {
                *weight = 0.0;
            }
        }
        shared.clear();
        let neighbour =
            |(Candidate { at, shared, nearness }, weights)| (Neighbour { at, shared, similarity: nearness }, weights);
        let (people, weights) = top.into_sorted().into_iter().map(neighbour).unzip();
        Neighbours { people, weights }
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
    fn compare_rows(&self, me: At, other: At) -> Option<Candidate> {
        let shared = self.row(me).filter(|post| self.likes(other, *post)).count() as u32;
        (shared > 0).then(|| Candidate { at: other, shared, nearness: nearness(shared, self.visible_likes_of(other)) })
    }
}

/// A search for the most similar people.
struct Search<'a, F> {
    matrix: &'a LikeMatrix,
    me: At,
    behind: Option<Candidate>,
    top: Top<Candidate, F>,
}

impl<F: Fn(&Candidate, &Candidate) -> Ordering> Search<'_, F> {
    #[inline]
    fn offer(&mut self, at: At, shared: u32) {
        let likes = self.matrix.visible_likes_of(at);
        // Everybody who shares a like is asked this, and a product takes less time than a quotient.
        let is_too_far =
            |last: &Candidate| f64::from(shared).powi(2) < last.nearness * A_LITTLE_LESS * f64::from(likes);
        if at == self.me || self.top.last().is_some_and(is_too_far) {
            return;
        }
        let candidate = Candidate { at, shared, nearness: nearness(shared, likes) };
        if self.behind.is_none_or(|behind| self.matrix.compare_people(&behind, &candidate).is_lt()) {
            self.top.offer(candidate);
        }
    }

    /// Offers whoever may be among the most similar: those who are in so many of the sets, together with the lists that
    /// have met them, that they can come before the last one so far. People with about as many likes as the asker come
    /// first: they are often the most similar ones, and whoever comes later has to be as near.
    fn look_through(&mut self, scratch: &mut Scratch, sets: &[Vec<&[u64]>]) {
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
            sums.add_up(matrix.plan.arch, sets, tile * TILE);
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
                    offered = sums.most(word - first, *active, self.top.limit());
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

/// A factor that takes away more than is ever lost by rounding.
pub(super) const A_LITTLE_LESS: f64 = 1.0 - 1e-9;

impl Candidate {
    /// How many shared likes somebody with at least so many likes needs to come before this one, or a little fewer.
    fn needs(&self, likes: u32) -> u32 {
        let shared = (self.nearness * f64::from(likes)).sqrt() * A_LITTLE_LESS;
        // Rounded up without a call of the mathematics library.
        let whole = shared as u32;
        (whole + u32::from(f64::from(whole) < shared)).max(1)
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
        // The fractions differ by less than the step from one float to the next.
        let mut matrix = matrix(&[(1, 1), (2, 1)]);
        matrix.visible_likes = vec![6_000_023, 5_999_995];
        let candidate =
            |at: At, shared: u32| Candidate { at, shared, nearness: nearness(shared, matrix.visible_likes_of(at)) };
        let (one, other) = (candidate(0, 3_000_008), candidate(1, 3_000_001));
        assert_eq!(one.nearness, other.nearness);
        assert_eq!(matrix.compare_people(&other, &one), Ordering::Less);
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
