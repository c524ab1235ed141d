//! The best posts by the likes of given neighbours.
//!
//! There are two ways with the same result. One adds up the score of each post that a neighbour likes. The other
//! computes bit-sliced sums that no score exceeds, and exact scores only for posts whose sum can still be among the
//! best.

use std::cmp::Ordering;

use super::bits::{BLOCK_WORDS, TILE_WORDS, members};
use super::column::Column;
use super::growth::grow_zeros;
use super::matrix::LikeMatrix;
use super::neighbours::{Neighbour, ROUNDING_MARGIN};
use super::numbered::Idx;
use super::scratch::{Ranks, Scratch};
use super::top::TopK;

/// The number of posts in an array that can be looked at in the time in which one post is appended to a list.
const LOOKS_PER_APPEND: usize = 4;
/// The number of binary digits of a neighbour's weight in the sums. More digits make closer bounds and take longer to
/// add up.
const DIGITS: usize = 6;
/// The highest weight.
const MAX_WEIGHT: u32 = (1 << DIGITS) - 1;

/// A post that a neighbour likes.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    pub(super) post: Idx,
    pub(super) score: f64,
}

impl LikeMatrix {
    /// Finds the `limit` best visible posts by the likes of these neighbours, best first, without posts that `me` likes
    /// or wrote. The neighbours must be ranked in `scratch`.
    pub(super) fn best_posts(
        &self,
        scratch: &mut Scratch,
        me: Idx,
        limit: usize,
        nearest: &[Neighbour],
    ) -> Vec<Candidate> {
        let (mut likes, mut likes_without_set) = (0, 0);
        for neighbour in nearest {
            let row = &self.people[neighbour.person].row;
            likes += row.entries().len();
            likes_without_set += if row.set().is_some() { 0 } else { row.entries().len() };
        }
        let blocks = self.visible.words().len() / BLOCK_WORDS;
        // Half of a weight's digits are 1 on average. Rows without a bitset are put into a spare one and taken out
        // again.
        let cost_of_sums = self.plan.choose_posts
            + blocks * self.plan.add_block * nearest.len() * DIGITS / 2
            + 2 * self.plan.score_like * likes_without_set;
        if cost_of_sums < self.plan.score_like * likes {
            self.best_by_sums(scratch, me, limit, nearest)
        } else {
            self.best_by_scores(scratch, me, limit, nearest, likes * LOOKS_PER_APPEND >= self.posts.len())
        }
    }

    /// Adds the similarity of each neighbour to the scores of the posts that the neighbour likes. With `scan_all` the
    /// best posts are then searched among the scores of all posts, otherwise among a list of the posts that have a
    /// score.
    fn best_by_scores(
        &self,
        scratch: &mut Scratch,
        me: Idx,
        limit: usize,
        nearest: &[Neighbour],
        scan_all: bool,
    ) -> Vec<Candidate> {
        let Scratch { scores, scored, ranks, .. } = scratch;
        grow_zeros(scores, self.posts.len());
        let scores = scores.as_slice_mut().unwrap_or_default();
        for neighbour in nearest {
            // Hidden posts get scores too. Leaving them out once at the end is cheaper than a lookup for each like.
            for entry in self.people[neighbour.person].row.entries() {
                let Some(score) = scores.get_mut(entry.post_if_liked()) else { continue };
                if !scan_all && *score == 0.0 {
                    scored.push(entry.post());
                }
                *score += neighbour.similarity;
            }
        }
        for post in self.never_recommended_to(me) {
            if let Some(score) = scores.get_mut(post as usize) {
                *score = 0.0;
            }
        }
        let mut top = TopK::new(limit, |one: &_, other: &_| self.compare_posts(one, other, ranks, nearest));
        // The score that a post needs to come before the last candidate, ties included. It starts above 0, which stands
        // for no score.
        let mut least = f64::MIN_POSITIVE;
        let mut consider = |(post, score): (Idx, f64)| {
            if score >= least && self.visible.contains(post) {
                top.offer(Candidate { post, score });
                least = top.last().map_or(least, |last| last.score);
            }
        };
        if scan_all {
            (0..).zip(scores.iter().copied()).for_each(consider);
            scores.fill(0.0);
        } else {
            for post in scored.drain(..) {
                consider((post, scores.get_mut(post as usize).map(std::mem::take).unwrap_or_default()));
            }
        }
        top.into_sorted()
    }

    /// Finds the best posts by integer sums. Each neighbour gets a weight: the similarity, scaled and rounded up. For
    /// all posts at once, the weights of the neighbours who like a post are added up. A sum is never below the scaled
    /// score of its post. So once `limit` candidates are known, a post is scored exactly only if its sum reaches the
    /// score of the worst of them.
    fn best_by_sums(&self, scratch: &mut Scratch, me: Idx, limit: usize, nearest: &[Neighbour]) -> Vec<Candidate> {
        let Scratch { sums, ranks, excluded, spare_sets, .. } = scratch;
        let (posts, visible) = (self.posts.len(), self.visible.words());
        let row_of = |neighbour: &Neighbour| &self.people[neighbour.person].row;
        excluded.grow(posts);
        self.never_recommended_to(me).for_each(|post| excluded.set(post, true));
        let without_set = || nearest.iter().filter(|neighbour| row_of(neighbour).set().is_none());
        spare_sets.resize_with(spare_sets.len().max(without_set().count()), Default::default);
        for (neighbour, set) in without_set().zip(spare_sets.iter_mut()) {
            set.grow(posts);
            row_of(neighbour).liked().for_each(|post| set.set(post, true));
        }
        let unit = nearest.first().map_or(1.0, |nearest| nearest.similarity) / f64::from(MAX_WEIGHT);
        let mut sets_by_digit = [const { Vec::new() }; DIGITS];
        let mut borrowed = spare_sets.iter();
        for neighbour in nearest {
            let Some(set) = row_of(neighbour).set().or_else(|| borrowed.next()) else { continue };
            let Some(set) = set.words().get(..visible.len()) else { continue };
            // Rounded up, so that no sum is below the score.
            let weight = ((neighbour.similarity / unit) as u32 + 1).min(MAX_WEIGHT);
            for (digit, sets) in sets_by_digit.iter_mut().enumerate() {
                if weight >> digit & 1 == 1 {
                    sets.push(set);
                }
            }
        }
        let mut top = TopK::new(limit, |one: &_, other: &_| self.compare_posts(one, other, ranks, nearest));
        for first in (0..visible.len()).step_by(TILE_WORDS) {
            sums.add_up(self.plan.arch, &sets_by_digit, first);
            for (word, (visible, excluded)) in
                visible.iter().zip(excluded.words()).enumerate().skip(first).take(TILE_WORDS)
            {
                let allowed = visible & !excluded;
                let offer = |top: &mut TopK<_, _>, found: u64| {
                    for post in members(word, found) {
                        top.offer(Candidate { post, score: self.score(post, ranks, nearest) });
                    }
                };
                let mut offered = 0;
                if top.last().is_none() {
                    // There is no bound yet. The highest sums come first, so that the first bound is close.
                    offered = sums.highest_among(word - first, allowed, limit);
                    offer(&mut top, offered);
                }
                let needed = |last: &Candidate| ((last.score / unit * ROUNDING_MARGIN) as u32).max(1);
                let found = sums.at_least(word - first, top.last().map_or(1, needed)) & allowed;
                offer(&mut top, found & !offered);
            }
        }
        let best = top.into_sorted();
        for (neighbour, set) in without_set().zip(spare_sets.iter_mut()) {
            row_of(neighbour).liked().for_each(|post| set.set(post, false));
        }
        self.never_recommended_to(me).for_each(|post| excluded.set(post, false));
        best
    }

    /// Iterates over the posts that a person likes or wrote.
    fn never_recommended_to(&self, me: Idx) -> impl Iterator<Item = Idx> + '_ {
        self.people[me].row.liked().chain(self.people[me].authored.iter().copied())
    }

    /// Computes the score of a post: the sum of the similarities of the neighbours who like it, added from the nearest
    /// on, so that the floats are the same as in [`LikeMatrix::best_by_scores`].
    fn score(&self, post: Idx, ranks: &Ranks, nearest: &[Neighbour]) -> f64 {
        match &self.posts[post].column {
            // Multiplying by 0 or 1 spares a branch that the processor could not predict.
            Column::Bits(people) => nearest
                .iter()
                .map(|neighbour| f64::from(people.contains(neighbour.person)) * neighbour.similarity)
                .sum(),
            Column::List(_) => {
                let places = self.places_of_likers(post, ranks, nearest).into_iter();
                places.filter_map(|place| nearest.get(place)).map(|neighbour| neighbour.similarity).sum()
            }
        }
    }

    /// Lists the neighbours who like a post, as ascending places in the list of neighbours, counted from 0.
    pub(super) fn places_of_likers(&self, post: Idx, ranks: &Ranks, nearest: &[Neighbour]) -> Vec<usize> {
        match &self.posts[post].column {
            Column::List(people) => {
                let mut places: Vec<usize> = people.iter().filter_map(|person| ranks.place_of(*person)).collect();
                places.sort_unstable();
                places
            }
            Column::Bits(people) => {
                let places = nearest.iter().enumerate().filter(|(_, neighbour)| people.contains(neighbour.person));
                places.map(|(place, _)| place).collect()
            }
        }
    }

    /// Orders posts, the best first: by the higher score, then more neighbours, then more likes, then the newer post.
    fn compare_posts(&self, one: &Candidate, other: &Candidate, ranks: &Ranks, nearest: &[Neighbour]) -> Ordering {
        let neighbours = |candidate: &Candidate| match &self.posts[candidate.post].column {
            Column::List(people) => people.iter().filter(|person| ranks.place_of(**person).is_some()).count(),
            Column::Bits(people) => nearest.iter().filter(|neighbour| people.contains(neighbour.person)).count(),
        };
        let by_score = other.score.total_cmp(&one.score);
        by_score.then_with(|| neighbours(other).cmp(&neighbours(one))).then_with(|| {
            let (one, other) = (&self.posts[one.post], &self.posts[other.post]);
            other.likers.cmp(&one.likers).then(other.id.cmp(&one.id))
        })
    }
}
