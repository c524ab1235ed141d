//! The best posts by the likes of neighbours, in two ways that have the same answer: by the score of each post that a
//! neighbour likes, or by bit-sliced sums that no score can exceed, so that only the scores of the best are computed.

use std::cmp::Ordering;

use ndarray::Array1;

use super::LikeMatrix;
use super::bits::{BLOCK, TILE, ones};
use super::matrix::Column;
use super::numbered::At;
use super::scratch::{Scratch, grow};
use super::similarity::{A_LITTLE_LESS, Neighbour};
use super::top::Top;

/// To look at so many posts costs about as much as to note one that has its first like.
const LOOKS_FOR_A_NOTE: usize = 4;
/// Binary digits of a neighbour's weight in the sums.
const DIGITS: usize = 6;

/// A post that a neighbour likes.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    pub(super) at: At,
    pub(super) score: f64,
}

impl LikeMatrix {
    /// The best posts for `me` by what these people like, best first, without what I like or wrote.
    pub(super) fn best(&self, scratch: &mut Scratch, me: At, limit: usize, nearest: &[Neighbour]) -> Vec<Candidate> {
        let (mut likes, mut likes_of_lists) = (0, 0);
        for neighbour in nearest {
            let entries = self.entries_of(neighbour.at).len();
            likes += entries;
            likes_of_lists += if self.set_of(neighbour.at).is_some() { 0 } else { entries };
        }
        let blocks = self.visible.words().len() / BLOCK;
        // A weight has half of the digits on average; what is a list is put into a set and taken out again.
        let sums = blocks * self.plan.add * nearest.len() * DIGITS / 2 + 2 * self.plan.score * likes_of_lists;
        if self.plan.choose + sums < self.plan.score * likes {
            self.best_by_sums(scratch, me, limit, nearest)
        } else {
            self.best_by_scores(scratch, me, limit, nearest, likes * LOOKS_FOR_A_NOTE >= self.posts.len())
        }
    }

    /// Adds the similarity of each neighbour to the score of each post that the neighbour likes.
    fn best_by_scores(
        &self,
        scratch: &mut Scratch,
        me: At,
        limit: usize,
        nearest: &[Neighbour],
        look_at_all: bool,
    ) -> Vec<Candidate> {
        let Scratch { scores, liked, rank, .. } = scratch;
        grow(scores, self.posts.len());
        let scores = scores.as_slice_mut().unwrap_or_default();
        for neighbour in nearest {
            // Hidden posts too: they are left out once, at the end.
            for entry in self.entries_of(neighbour.at) {
                let Some(score) = scores.get_mut(entry.index()) else { continue };
                if !look_at_all && *score == 0.0 {
                    liked.push(entry.at());
                }
                *score += neighbour.similarity;
            }
        }
        for at in self.not_for(me) {
            if let Some(score) = scores.get_mut(at as usize) {
                *score = 0.0;
            }
        }
        let mut top = Top::new(limit, |one: &_, other: &_| self.compare_posts(one, other, rank, nearest));
        // What is needed to come before the last one, ties included; above zero, which is no score.
        let mut least = f64::MIN_POSITIVE;
        let mut consider = |(at, score): (At, f64)| {
            if score >= least && self.visible.contains(at) {
                top.offer(Candidate { at, score });
                least = top.last().map_or(least, |last| last.score);
            }
        };
        if look_at_all {
            (0..).zip(scores.iter().copied()).for_each(consider);
            scores.fill(0.0);
        } else {
            for at in liked.drain(..) {
                consider((at, scores.get_mut(at as usize).map(std::mem::take).unwrap_or_default()));
            }
        }
        top.into_sorted()
    }

    /// Adds up whole numbers that are a little more than proportional to the similarities, for all posts at once. Only a
    /// post whose sum is high enough can have one of the best scores.
    fn best_by_sums(&self, scratch: &mut Scratch, me: At, limit: usize, nearest: &[Neighbour]) -> Vec<Candidate> {
        let Scratch { sums, rank, not_for_me, lent, .. } = scratch;
        let (posts, visible) = (self.posts.len(), self.visible.words());
        not_for_me.grow(posts);
        self.not_for(me).for_each(|at| not_for_me.set(at, true));
        let lists = || nearest.iter().filter(|neighbour| self.set_of(neighbour.at).is_none());
        lent.resize_with(lent.len().max(lists().count()), Default::default);
        for (neighbour, set) in lists().zip(lent.iter_mut()) {
            set.grow(posts);
            self.likes_of(neighbour.at).for_each(|at| set.set(at, true));
        }
        let unit = nearest.first().map_or(1.0, |nearest| nearest.similarity) / f64::from((1 << DIGITS) - 1);
        let mut sets_by_digit = [const { Vec::new() }; DIGITS];
        let mut borrowed = lent.iter();
        for neighbour in nearest {
            let Some(set) = self.set_of(neighbour.at).or_else(|| borrowed.next()) else { continue };
            let Some(set) = set.words().get(..visible.len()) else { continue };
            // Rounded up, so that no sum is too small.
            let weight = ((neighbour.similarity / unit) as u32 + 1).min((1 << DIGITS) - 1);
            for (digit, sets) in sets_by_digit.iter_mut().enumerate() {
                if weight >> digit & 1 == 1 {
                    sets.push(set);
                }
            }
        }
        let mut top = Top::new(limit, |one: &_, other: &_| self.compare_posts(one, other, rank, nearest));
        for first in (0..visible.len()).step_by(TILE) {
            sums.add_up(self.plan.arch, &sets_by_digit, first);
            for (word, (visible, not_for_me)) in
                visible.iter().zip(not_for_me.words()).enumerate().skip(first).take(TILE)
            {
                let allowed = visible & !not_for_me;
                let offer = |top: &mut Top<_, _>, found: u64| {
                    for at in ones(word, found) {
                        top.offer(Candidate { at, score: self.score(at, rank, nearest) });
                    }
                };
                let mut offered = 0;
                if top.last().is_none() {
                    offered = sums.most(word - first, allowed, limit);
                    offer(&mut top, offered);
                }
                let needed = |last: &Candidate| ((last.score / unit * A_LITTLE_LESS) as u32).max(1);
                let found = sums.at_least(word - first, top.last().map_or(1, needed)) & allowed;
                offer(&mut top, found & !offered);
            }
        }
        let best = top.into_sorted();
        for (neighbour, set) in lists().zip(lent.iter_mut()) {
            self.likes_of(neighbour.at).for_each(|at| set.set(at, false));
        }
        self.not_for(me).for_each(|at| not_for_me.set(at, false));
        best
    }

    /// What is never recommended to somebody: what they like and what they wrote.
    fn not_for(&self, me: At) -> impl Iterator<Item = At> + '_ {
        self.likes_of(me).chain(self.people[me].authored.iter().copied())
    }

    /// The similarities of the neighbours who like a post, added from the nearest neighbour on.
    fn score(&self, post: At, rank: &Array1<u32>, nearest: &[Neighbour]) -> f64 {
        match &self.posts[post].column {
            // Zeros are added too: a branch is what the processor could not foresee.
            Column::Bits(people) => {
                nearest.iter().map(|neighbour| f64::from(people.contains(neighbour.at)) * neighbour.similarity).sum()
            }
            Column::List(_) => {
                let places = self.places(rank, post, nearest).into_iter();
                places.filter_map(|place| nearest.get(place)).map(|neighbour| neighbour.similarity).sum()
            }
        }
    }

    /// The higher score first, then more neighbours, then more likes, then the newer post.
    fn compare_posts(&self, one: &Candidate, other: &Candidate, rank: &Array1<u32>, nearest: &[Neighbour]) -> Ordering {
        let by_score = other.score.total_cmp(&one.score);
        let neighbours = |candidate: &Candidate| match &self.posts[candidate.at].column {
            Column::List(people) => {
                people.iter().filter(|at| rank.get(**at as usize).is_some_and(|rank| *rank > 0)).count()
            }
            Column::Bits(people) => nearest.iter().filter(|neighbour| people.contains(neighbour.at)).count(),
        };
        by_score.then_with(|| neighbours(other).cmp(&neighbours(one))).then_with(|| {
            let (one, other) = (&self.posts[one.at], &self.posts[other.at]);
            other.likers.cmp(&one.likers).then(other.id.cmp(&one.id))
        })
    }
}
