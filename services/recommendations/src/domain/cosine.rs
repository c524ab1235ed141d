//! The nearest neighbours by the plain cosine of two people's likes.

use std::cmp::Ordering;

use super::bits::{BLOCK_BITS, TILE_WORDS, WORD_BITS, members};
use super::column::Column;
use super::matrix::{LikeMatrix, Post};
use super::neighbours::{Neighbour, ROUNDING_MARGIN};
use super::numbered::Idx;
use super::scratch::Scratch;
use super::top::TopK;

/// A person who shares likes with the asker, while the nearest neighbours are searched for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    person: Idx,
    shared: u32,
    /// The squared cosine times the asker's number of likes: shared² / likes. It orders people as the cosine does, and
    /// needs neither a root nor the asker's number of likes.
    closeness: f64,
}

impl Candidate {
    fn new(person: Idx, shared: u32, likes: u32) -> Self {
        Self { person, shared, closeness: u64::from(shared).pow(2) as f64 / f64::from(likes) }
    }

    /// Returns a lower bound for the number of shared likes that somebody with at least `likes` likes needs to come
    /// before this candidate.
    fn min_shared(&self, likes: u32) -> u32 {
        let shared = (self.closeness * f64::from(likes)).sqrt() * ROUNDING_MARGIN;
        // Rounds up by hand, since `f64::ceil` is a call of the mathematics library without SSE 4.1.
        let whole = shared as u32;
        (whole + u32::from(f64::from(whole) < shared)).max(1)
    }
}

impl LikeMatrix {
    /// Finds the `limit` people nearest to `me`, nearest first. With `cursor` it finds only people who come after this
    /// candidate.
    ///
    /// There are two ways to count shared likes: a counter for each person, which takes a step per like of my posts, or
    /// bit-sliced sums, which take a step per block of people and bitset. The plan tells which way is cheaper for this
    /// request. Posts with few likers are counted in either case.
    pub(super) fn nearest_by_cosine(
        &self,
        scratch: &mut Scratch,
        me: Idx,
        limit: usize,
        cursor: Option<Candidate>,
    ) -> Vec<Neighbour> {
        scratch.shared.grow(self.people.len());
        let mut search =
            Search { matrix: self, me, cursor, top: TopK::new(limit, |a: &_, b: &_| self.compare_people(a, b)) };
        let mine: Vec<&Post> = self.visible_row(me).map(|post| &self.posts[post]).collect();
        let mut sets = Vec::new();
        let mut set_members = 0;
        for post in &mine {
            if let Column::Bits(people) = &post.column {
                sets.push(people.words());
                set_members += post.likers as usize;
            }
        }
        let blocks = self.people.len().div_ceil(BLOCK_BITS);
        let cost_of_sums = blocks * (self.plan.search_block + self.plan.add_block * sets.len());
        let use_sums = cost_of_sums < self.plan.count_entry * set_members;
        for post in mine {
            match &post.column {
                Column::List(people) => scratch.shared.increment_all(people.iter().copied()),
                Column::Bits(people) if !use_sums => scratch.shared.increment_all(people.iter()),
                Column::Bits(_) => {}
            }
        }
        if use_sums {
            search.search_sums(scratch, &[sets]);
        } else {
            for person in scratch.shared.nonzero().iter().filter(|person| self.active.contains(**person)) {
                search.offer(*person, scratch.shared.get(*person));
            }
        }
        scratch.shared.clear();
        let my_likes = self.visible_likes_of(me);
        let to_neighbour = |Candidate { person, shared, .. }: Candidate| {
            // The root of a quotient of integers, which is rounded once: equal fractions give equal similarities, and
            // the similarities never contradict the exact order.
            let product = u64::from(my_likes) * u64::from(self.visible_likes_of(person));
            Neighbour { person, shared, similarity: (u64::from(shared).pow(2) as f64 / product as f64).sqrt() }
        };
        search.top.into_sorted().into_iter().map(to_neighbour).collect()
    }

    /// Computes how close one person is to `me`, without counters for everybody. `None` if the two share no like.
    pub(super) fn find_candidate(&self, me: Idx, person: Idx) -> Option<Candidate> {
        let shared = self.visible_row(me).filter(|post| self.likes(person, *post)).count() as u32;
        (shared > 0).then(|| Candidate::new(person, shared, self.visible_likes_of(person)))
    }

    /// Orders people by similarity, the nearest first, then by the lower user id. The order is that of the exact
    /// fractions shared² / likes, and has no ties.
    ///
    /// The quotient is rounded only once as long as the number of shared likes stays below 94 million, whose square a
    /// float still holds. So unequal quotients are in the order of the fractions, and only equal ones need the exact
    /// products.
    #[inline]
    fn compare_people(&self, one: &Candidate, other: &Candidate) -> Ordering {
        match other.closeness.total_cmp(&one.closeness) {
            Ordering::Equal => self.compare_exactly(one, other),
            different => different,
        }
    }

    /// Compares shared² / likes of two people by multiplying crosswise.
    #[cold]
    fn compare_exactly(&self, one: &Candidate, other: &Candidate) -> Ordering {
        let square = |candidate: &Candidate| u128::from(u64::from(candidate.shared).pow(2));
        let likes = |candidate: &Candidate| u128::from(self.visible_likes_of(candidate.person));
        let products = (square(other) * likes(one)).cmp(&(square(one) * likes(other)));
        products.then_with(|| self.compare_ids(one.person, other.person))
    }

    /// Orders two people by their user ids.
    pub(super) fn compare_ids(&self, one: Idx, other: Idx) -> Ordering {
        self.people[one].id.cmp(&self.people[other].id)
    }
}

/// A search for the nearest neighbours.
struct Search<'a, F> {
    matrix: &'a LikeMatrix,
    me: Idx,
    /// Only people who come after this candidate are searched for.
    cursor: Option<Candidate>,
    top: TopK<Candidate, F>,
}

impl<F: Fn(&Candidate, &Candidate) -> Ordering> Search<'_, F> {
    /// Offers a person who shares likes with the asker.
    #[inline]
    fn offer(&mut self, person: Idx, shared: u32) {
        let likes = self.matrix.visible_likes_of(person);
        // This check runs for everybody who shares a like. A product takes less time than the quotient that a candidate
        // needs.
        let is_too_far =
            |last: &Candidate| f64::from(shared).powi(2) < last.closeness * ROUNDING_MARGIN * f64::from(likes);
        if person == self.me || self.top.last().is_some_and(is_too_far) {
            return;
        }
        let candidate = Candidate::new(person, shared, likes);
        if self.cursor.is_none_or(|cursor| self.matrix.compare_people(&cursor, &candidate).is_lt()) {
            self.top.offer(candidate);
        }
    }

    /// Offers everybody who can be among the nearest: people who are in enough of these bitsets to come before the last
    /// candidate so far. Likes that the counters have counted already come on top of the sums.
    ///
    /// The search begins at the asker's own word. People are numbered by activity, so the people with about as many
    /// likes as the asker come first. These are often the nearest, and the earlier the last candidate is a near one,
    /// the more people are skipped.
    fn search_sums(&mut self, scratch: &mut Scratch, sets: &[Vec<&[u64]>]) {
        let Scratch { shared, met, met_again, sums, .. } = scratch;
        let matrix = self.matrix;
        met.grow(matrix.people.len());
        met_again.grow(matrix.people.len());
        let mut most_met = 0;
        for person in shared.nonzero() {
            met.set(*person, true);
            let times = shared.get(*person);
            if times > 1 {
                met_again.set(*person, true);
                most_met = most_met.max(times);
            }
        }
        let active = matrix.active.words();
        let (words, my_word) = (active.len(), self.me as usize / WORD_BITS);
        let tiles = words.div_ceil(TILE_WORDS);
        for tile in (my_word / TILE_WORDS..tiles).chain(0..my_word / TILE_WORDS) {
            let (first, end) = (tile * TILE_WORDS, words.min((tile + 1) * TILE_WORDS));
            sums.add_up(matrix.plan.arch, sets, first);
            let start = my_word.clamp(first, end - 1);
            for word in (start..end).chain(first..start) {
                let Some(active) = active.get(word) else { continue };
                let offer = |search: &mut Self, found: u64| {
                    for bit in members(0, found & active) {
                        let person = (word * WORD_BITS) as Idx + bit;
                        search.offer(person, sums.get(word - first, bit) + shared.get(person));
                    }
                };
                let mut offered = 0;
                if self.top.last().is_none() {
                    // There is no bound yet. The people who share most come first, so that the first bound is close.
                    offered = sums.highest_among(word - first, *active, self.top.limit());
                    offer(self, offered);
                }
                let fewest = matrix.activity.fewest_in(word);
                let least = self.top.last().map_or(1, |last| last.min_shared(fewest));
                let mut found = sums.at_least(word - first, least);
                // For some people the counters have counted likes already, so their sums need not be as high: by one
                // like if one was counted, and by at most `most_met` likes if several were. The exact number is added
                // when they are offered.
                for (met, times) in [(&*met, 1), (&*met_again, most_met)] {
                    let met = met.words().get(word).copied().unwrap_or_default();
                    if met != 0 {
                        found |= met & sums.at_least(word - first, least.saturating_sub(times));
                    }
                }
                offer(self, found & !offered);
            }
        }
        for person in shared.nonzero() {
            met.set(*person, false);
            met_again.set(*person, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::activity::Activity;
    use super::*;

    #[test]
    fn fractions_that_round_alike_are_still_told_apart() {
        // The fractions differ by less than the step from one float to the next.
        let mut matrix = LikeMatrix::default();
        for user in [1, 2] {
            matrix.number_people([shared::ids::UserId(user)]);
        }
        matrix.activity = Activity::of(vec![6_000_023, 5_999_995]);
        let candidate = |person: Idx, shared: u32| Candidate::new(person, shared, matrix.visible_likes_of(person));
        let (one, other) = (candidate(0, 3_000_008), candidate(1, 3_000_001));
        assert_eq!(one.closeness, other.closeness);
        assert_eq!(matrix.compare_people(&other, &one), Ordering::Less);
    }
}
