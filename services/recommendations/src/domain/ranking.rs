//! What to recommend: the posts that similar people like.

use std::cmp::Ordering;

use ndarray::Array1;
use shared::ids::UserId;

use super::matrix::{At, Post};
use super::similarity::{Neighbour, Reason};
use super::{LikeMatrix, PostId, Weighting};

/// A post worth reading, and why.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Recommendation {
    /// The post.
    pub(crate) post_id: PostId,
    /// The sum of the similarities of the neighbours who like it, added from the nearest neighbour on.
    pub(crate) score: f64,
    /// All of these neighbours, nearest first.
    pub(crate) because: Vec<Reason>,
}

/// A post that a neighbour likes.
struct Candidate<'a> {
    at: At,
    post: &'a Post,
    score: f64,
    neighbours: u32,
}

impl Candidate<'_> {
    /// The higher score first, then more neighbours, then more likes, then the newer post.
    fn compare(&self, other: &Self) -> Ordering {
        let by_score = other.score.total_cmp(&self.score);
        let by_neighbours = other.neighbours.cmp(&self.neighbours);
        let by_likes = other.post.likers.cmp(&self.post.likers);
        by_score.then(by_neighbours).then(by_likes).then(other.post.id.cmp(&self.post.id))
    }
}

impl LikeMatrix {
    /// The best posts for `me`, best first: what the nearest neighbours like, without what I like or wrote.
    pub(crate) fn recommend(
        &self,
        me: UserId,
        limit: usize,
        neighbours: usize,
        weighting: Weighting,
    ) -> Vec<Recommendation> {
        let Some(me) = self.find_active(me) else { return Vec::new() };
        let nearest = self.nearest(me, neighbours, weighting);
        let mut best = self.candidates(me, &nearest);
        if best.len() > limit {
            best.select_nth_unstable_by(limit, Candidate::compare);
            best.truncate(limit);
        }
        best.sort_unstable_by(Candidate::compare);
        let explain = |candidate: Candidate<'_>| Recommendation {
            post_id: candidate.post.id,
            score: candidate.score,
            because: nearest
                .iter()
                .filter(|neighbour| self.likes(neighbour.at, candidate.at))
                .map(|neighbour| neighbour.reason.clone())
                .collect(),
        };
        best.into_iter().map(explain).collect()
    }

    fn candidates(&self, me: At, nearest: &[Neighbour]) -> Vec<Candidate<'_>> {
        let mut scores = Array1::<f64>::zeros(self.posts.len());
        let mut counts = Array1::<u32>::zeros(self.posts.len());
        let mut met = Vec::new();
        for neighbour in nearest {
            for (at, post) in self.row(neighbour.at) {
                if let (Some(score), Some(count)) = (scores.get_mut(at as usize), counts.get_mut(at as usize)) {
                    if *count == 0 {
                        met.push((at, post));
                    }
                    *score += neighbour.reason.similarity;
                    *count += 1;
                }
            }
        }
        let news = met.into_iter().filter(|(at, post)| post.author != Some(me) && !self.likes(me, *at));
        let candidate = |(at, post)| {
            let (score, neighbours) = (scores.get(at as usize).copied()?, counts.get(at as usize).copied()?);
            Some(Candidate { at, post, score, neighbours })
        };
        news.filter_map(candidate).collect()
    }
}

#[cfg(test)]
mod tests {
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
                matrix.set_post(PostId(*post), Some(UserId(99)), false, 1);
            }
        }
        let found = matrix.recommend(UserId(1), 10, 100, Weighting::None);
        let ids: Vec<i64> = found.iter().map(|found| found.post_id.0).collect();
        // 10 has two neighbours and two likes, 20 one neighbour and three likes; both score 1/2.
        assert_eq!(ids, [10, 20, 21, 30, 33, 32, 31]);
        assert_eq!(found[0].score, found[1].score);
    }
}
