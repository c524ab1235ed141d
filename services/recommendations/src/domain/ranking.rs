//! What to recommend: the posts that similar people like.

use std::cmp::Ordering;

use ndarray::Array1;
use shared::clock::Timestamp;
use shared::ids::UserId;

use super::matrix::Column;
use super::numbered::At;
use super::scratch::{Scratch, grow};
use super::similarity::{Neighbour, Reason};
use super::top::Top;
use super::{LikeMatrix, PostId, Weighting};

/// To look at so many posts costs about as much as to note one that has its first like.
const LOOKS_FOR_A_NOTE: usize = 4;

/// A post worth reading, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Recommendation {
    /// The post.
    pub post_id: PostId,
    /// The sum of the similarities of the neighbours who like it, added from the nearest neighbour on.
    pub score: f64,
    /// All of these neighbours, nearest first.
    pub because: Vec<Reason>,
}

/// What a post would be recommended for, and what keeps it from being recommended.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Its score and the reasons; none if no neighbour likes it.
    pub recommendation: Recommendation,
    /// Why it is never recommended to this person.
    pub excluded: Option<Exclusion>,
}

/// Why a post is not recommended to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Exclusion {
    /// They wrote it.
    Own,
    /// They like it already.
    Liked,
}

/// A post that a neighbour likes.
#[derive(Clone, Copy)]
struct Candidate {
    at: At,
    score: f64,
}

impl LikeMatrix {
    /// The best posts for `me`, best first: what the nearest neighbours like, without what I like or wrote.
    pub fn recommend(
        &self,
        scratch: &mut Scratch,
        me: UserId,
        limit: usize,
        neighbours: usize,
        weighting: Weighting,
    ) -> Vec<Recommendation> {
        let Some(me) = self.find_active(me) else { return Vec::new() };
        let nearest = self.nearest(scratch, me, neighbours, weighting);
        self.rank(scratch, &nearest);
        let best = self.best(scratch, me, limit, &nearest);
        let likes = self.visible_likes_of(me);
        let explain = |candidate: Candidate| Recommendation {
            post_id: self.posts[candidate.at].id,
            score: candidate.score,
            because: self.reasons(scratch, candidate.at, &nearest).map(|reason| reason.reason(likes)).collect(),
        };
        let found = best.into_iter().map(explain).collect();
        unrank(scratch, &nearest);
        found
    }

    /// Why a visible post is or would be recommended to `me`; nothing if the post cannot be seen or `me` is not active.
    pub fn explain(
        &self,
        scratch: &mut Scratch,
        me: UserId,
        post: PostId,
        neighbours: usize,
        weighting: Weighting,
    ) -> Option<Explanation> {
        let (me, post) = (self.find_active(me)?, self.posts.find(&post).filter(|at| self.visible.contains(*at))?);
        let nearest = self.nearest(scratch, me, neighbours, weighting);
        self.rank(scratch, &nearest);
        let likes = self.visible_likes_of(me);
        let because: Vec<Reason> = self.reasons(scratch, post, &nearest).map(|reason| reason.reason(likes)).collect();
        unrank(scratch, &nearest);
        let own = (self.posts[post].author == Some(me)).then_some(Exclusion::Own);
        let excluded = own.or_else(|| self.likes(me, post).then_some(Exclusion::Liked));
        let score = because.iter().map(|reason| reason.similarity).sum();
        Some(Explanation { recommendation: Recommendation { post_id: self.posts[post].id, score, because }, excluded })
    }

    /// The posts written since then that most people like, without what I like or wrote and without `known` ones. More likes
    /// first, then the newer post.
    pub fn popular(&self, me: UserId, limit: usize, since: Timestamp, known: &[PostId]) -> Vec<PostId> {
        let Some(me) = self.find_active(me) else { return Vec::new() };
        let mut top = Top::new(limit, |one: &At, other: &At| {
            let (one, other) = (&self.posts[*one], &self.posts[*other]);
            other.likers.cmp(&one.likers).then(other.id.cmp(&one.id))
        });
        for (_, at) in self.newest.range((since, At::MIN)..) {
            let post = &self.posts[*at];
            if post.likers > 0 && post.author != Some(me) && !known.contains(&post.id) && !self.likes(me, *at) {
                top.offer(*at);
            }
        }
        top.into_sorted().into_iter().map(|at| self.posts[at].id).collect()
    }

    /// The higher score first, then more neighbours, then more likes, then the newer post.
    fn compare(&self, one: &Candidate, other: &Candidate, rank: &Array1<u32>, nearest: &[Neighbour]) -> Ordering {
        let by_score = other.score.total_cmp(&one.score);
        let neighbours = |candidate: &Candidate| {
            let mut count = 0;
            self.places(rank, candidate.at, nearest, |_| count += 1);
            count
        };
        by_score.then_with(|| neighbours(other).cmp(&neighbours(one))).then_with(|| {
            let (one, other) = (&self.posts[one.at], &self.posts[other.at]);
            other.likers.cmp(&one.likers).then(other.id.cmp(&one.id))
        })
    }

    fn best(&self, scratch: &mut Scratch, me: At, limit: usize, nearest: &[Neighbour]) -> Vec<Candidate> {
        let Scratch { scores, liked, rank, .. } = scratch;
        grow(scores, self.posts.len());
        let scores = scores.as_slice_mut().unwrap_or_default();
        let likes = nearest.iter().map(|neighbour| self.entries_of(neighbour.at).len()).sum::<usize>();
        let look_at_all = likes * LOOKS_FOR_A_NOTE >= self.posts.len();
        let your_likes = self.visible_likes_of(me);
        for neighbour in nearest {
            let similarity = neighbour.similarity(your_likes);
            // Hidden posts too: they are left out once, at the end.
            for entry in self.entries_of(neighbour.at) {
                let Some(score) = scores.get_mut(entry.index()) else { continue };
                if !look_at_all && *score == 0.0 {
                    liked.push(entry.at());
                }
                *score += similarity;
            }
        }
        for at in self.likes_of(me).chain(self.people[me].authored.iter().copied()) {
            if let Some(score) = scores.get_mut(at as usize) {
                *score = 0.0;
            }
        }
        let mut top = Top::new(limit, |one: &_, other: &_| self.compare(one, other, rank, nearest));
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

    /// Notes the place of each neighbour.
    fn rank(&self, scratch: &mut Scratch, nearest: &[Neighbour]) {
        grow(&mut scratch.rank, self.people.len());
        for (place, neighbour) in (1..).zip(nearest) {
            if let Some(rank) = scratch.rank.get_mut(neighbour.at as usize) {
                *rank = place;
            }
        }
    }

    /// The neighbours who like a post, nearest first.
    fn reasons<'a>(
        &self,
        scratch: &Scratch,
        post: At,
        nearest: &'a [Neighbour],
    ) -> impl Iterator<Item = &'a Neighbour> + use<'a> {
        let mut places = Vec::new();
        self.places(&scratch.rank, post, nearest, |place| places.push(place));
        places.sort_unstable();
        places.into_iter().filter_map(|place| nearest.get(place as usize - 1))
    }

    /// Tells the place of each neighbour who likes a post, in no order.
    fn places(&self, rank: &Array1<u32>, post: At, nearest: &[Neighbour], tell: impl FnMut(u32)) {
        match &self.posts[post].column {
            Column::List(people) => {
                let ranks = people.iter().filter_map(|at| rank.get(*at as usize).copied());
                ranks.filter(|rank| *rank > 0).for_each(tell);
            }
            Column::Bits(people) => {
                let places = (1..).zip(nearest).filter(|(_, neighbour)| people.contains(neighbour.at));
                places.map(|(place, _)| place).for_each(tell);
            }
        }
    }
}

/// Forgets the places.
fn unrank(scratch: &mut Scratch, nearest: &[Neighbour]) {
    for neighbour in nearest {
        if let Some(rank) = scratch.rank.get_mut(neighbour.at as usize) {
            *rank = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::written_by;
    use super::*;

    #[test]
    fn equal_scores_go_to_more_neighbours_then_more_likes_then_the_newer_post() {
        // 1 likes four posts. 2 shares two of four: 1/2. 3 and 4 share one of four each: 1/4. The others share nothing.
        let rows: [(i64, &[i64]); 6] = [
            (1, &[1, 2, 3, 4]),
            (2, &[1, 2, 20, 21]),
            (3, &[1, 10, 30, 31]),
            (4, &[2, 10, 32, 33]),
            (5, &[20, 30]),
            (6, &[20]),
        ];
        let mut matrix = LikeMatrix::default();
        for (user, posts) in rows {
            for post in posts {
                matrix.set_like(UserId(user), PostId(*post), true, 1);
                matrix.set_post(PostId(*post), written_by(99));
            }
        }
        let found = matrix.recommend(&mut Scratch::default(), UserId(1), 10, 100, Weighting::None);
        let ids: Vec<i64> = found.iter().map(|found| found.post_id.0).collect();
        // 10 has two neighbours and two likes, 20 one neighbour and three likes; both score 1/2.
        assert_eq!(ids, [10, 20, 21, 30, 33, 32, 31]);
        assert_eq!(found[0].score, found[1].score);
    }
}
