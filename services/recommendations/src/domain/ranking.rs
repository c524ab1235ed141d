//! Recommended posts, their explanations, and popular posts.

use shared::clock::Timestamp;
use shared::ids::UserId;

use super::best::Candidate;
use super::ids::PostId;
use super::matrix::LikeMatrix;
use super::neighbours::{Reason, Weighting};
use super::numbered::Idx;
use super::scratch::Scratch;
use super::top::TopK;

/// Recommended posts, and the neighbours because of whom they are recommended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recommendations {
    /// The posts, best first.
    pub posts: Vec<Recommendation>,
    /// The neighbours whose likes count, most similar first.
    pub neighbours: Vec<Reason>,
}

/// A recommended post.
#[derive(Clone, Debug, PartialEq)]
pub struct Recommendation {
    /// The post.
    pub post_id: PostId,
    /// The sum of the similarities of the neighbours who like the post, added from the nearest neighbour on.
    pub score: f64,
    /// The neighbours who like the post, as ascending places in [`Recommendations::neighbours`], counted from 0.
    pub because: Vec<usize>,
}

/// The score of one post for a person, and the reason why it is not recommended, if there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The sum of the similarities in `because`.
    pub score: f64,
    /// The neighbours who like the post, nearest first. If there are none, the post is not recommended.
    pub because: Vec<Reason>,
    /// The reason why the post is never recommended to this person; `None` when there is no such reason.
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

impl LikeMatrix {
    /// Recommends up to `limit` posts to `me`, best first: posts that the `neighbours` nearest neighbours like, without
    /// posts that `me` likes or wrote. The result is empty for somebody who is unknown or not active.
    pub fn recommend(
        &self,
        scratch: &mut Scratch,
        me: UserId,
        limit: usize,
        neighbours: usize,
        weighting: Weighting,
    ) -> Recommendations {
        let Some(me) = self.find_active(me) else { return Recommendations::default() };
        let nearest = self.nearest(scratch, me, neighbours, weighting);
        scratch.ranks.set(self.people.len(), nearest.people.iter().map(|neighbour| neighbour.person));
        let best = self.best_posts(scratch, me, limit, &nearest.people);
        let recommendation = |Candidate { post, score }| {
            let because = self.places_of_likers(post, &scratch.ranks, &nearest.people);
            Recommendation { post_id: self.posts[post].id, score, because }
        };
        let posts = best.into_iter().map(recommendation).collect();
        scratch.ranks.clear(nearest.people.iter().map(|neighbour| neighbour.person));
        Recommendations { posts, neighbours: self.explain_all(me, &nearest) }
    }

    /// Explains the score that a post has for `me` by the likes of the `neighbours` nearest neighbours, whether the
    /// post is recommended or not. `None` if the post is not visible, or `me` is unknown or not active.
    pub fn explain(
        &self,
        scratch: &mut Scratch,
        me: UserId,
        post: PostId,
        neighbours: usize,
        weighting: Weighting,
    ) -> Option<Explanation> {
        let (me, post) = (self.find_active(me)?, self.posts.find(&post).filter(|post| self.visible.contains(*post))?);
        let nearest = self.nearest(scratch, me, neighbours, weighting);
        scratch.ranks.set(self.people.len(), nearest.people.iter().map(|neighbour| neighbour.person));
        let places = self.places_of_likers(post, &scratch.ranks, &nearest.people);
        scratch.ranks.clear(nearest.people.iter().map(|neighbour| neighbour.person));
        let because: Vec<Reason> =
            places.into_iter().filter_map(|place| self.explain_one(me, &nearest, place)).collect();
        let own = (self.posts[post].author == Some(me)).then_some(Exclusion::Own);
        let excluded = own.or_else(|| self.likes(me, post).then_some(Exclusion::Liked));
        // A fold from 0.0, because the sum of no floats is -0.0, which would be sent to the client.
        let score = because.iter().fold(0.0, |score, reason| score + reason.similarity);
        Some(Explanation { score, because, excluded })
    }

    /// Lists up to `limit` visible posts that were written at `since` or later: by the higher number of likes, then the
    /// newer post first. Posts without likes, posts that `me` likes or wrote, and `known` posts are left out. The list
    /// is empty for somebody who is unknown or not active.
    pub fn popular(&self, me: UserId, limit: usize, since: Timestamp, known: &[PostId]) -> Vec<PostId> {
        let Some(me) = self.find_active(me) else { return Vec::new() };
        let mut top = TopK::new(limit, |one: &Idx, other: &Idx| {
            let (one, other) = (&self.posts[*one], &self.posts[*other]);
            other.likers.cmp(&one.likers).then(other.id.cmp(&one.id))
        });
        for (_, index) in self.newest.range((since, Idx::MIN)..) {
            let post = &self.posts[*index];
            if post.likers > 0 && post.author != Some(me) && !known.contains(&post.id) && !self.likes(me, *index) {
                top.offer(*index);
            }
        }
        top.into_sorted().into_iter().map(|index| self.posts[index].id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::matrix::PostState;
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
                matrix.set_post(PostId(*post), PostState::written_by(99));
            }
        }
        let found = matrix.recommend(&mut Scratch::default(), UserId(1), 10, 100, Weighting::None);
        let found = found.posts;
        let ids: Vec<i64> = found.iter().map(|found| found.post_id.0).collect();
        // 10 has two neighbours and two likes, 20 one neighbour and three likes; both score 1/2.
        assert_eq!(ids, [10, 20, 21, 30, 33, 32, 31]);
        assert_eq!(found[0].score, found[1].score);
    }
}
