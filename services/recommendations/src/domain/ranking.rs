//! What to recommend: the posts that similar people like.

use ndarray::Array1;
use shared::clock::Timestamp;
use shared::ids::UserId;

use super::best::Candidate;
use super::matrix::Column;
use super::numbered::At;
use super::scratch::{Scratch, grow};
use super::similarity::{Neighbour, Reason};
use super::top::Top;
use super::{LikeMatrix, PostId, Weighting};

/// Posts worth reading, and why.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recommendations {
    /// Best first.
    pub posts: Vec<Recommendation>,
    /// The people whose likes count, most similar first.
    pub neighbours: Vec<Reason>,
}

/// A post worth reading.
#[derive(Clone, Debug, PartialEq)]
pub struct Recommendation {
    /// The post.
    pub post_id: PostId,
    /// The sum of the similarities of the neighbours who like it, added from the nearest neighbour on.
    pub score: f64,
    /// The places of all these neighbours in the list of neighbours, ascending.
    pub because: Vec<usize>,
}

/// What a post would be recommended for, and what keeps it from being recommended.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The sum of the similarities in `because`.
    pub score: f64,
    /// The neighbours who like it, nearest first; none: it is not recommended.
    pub because: Vec<Reason>,
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

impl LikeMatrix {
    /// The best posts for `me`, best first: what the nearest neighbours like, without what I like or wrote.
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
        self.rank(scratch, &nearest.people);
        let best = self.best(scratch, me, limit, &nearest.people);
        let recommendation = |Candidate { at, score }| {
            let because = self.places(&scratch.rank, at, &nearest.people);
            Recommendation { post_id: self.posts[at].id, score, because }
        };
        let posts = best.into_iter().map(recommendation).collect();
        unrank(scratch, &nearest.people);
        Recommendations { posts, neighbours: self.reasons(me, &nearest) }
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
        self.rank(scratch, &nearest.people);
        let places = self.places(&scratch.rank, post, &nearest.people);
        unrank(scratch, &nearest.people);
        let because: Vec<Reason> = places.into_iter().filter_map(|place| self.reason(me, &nearest, place)).collect();
        let own = (self.posts[post].author == Some(me)).then_some(Exclusion::Own);
        let excluded = own.or_else(|| self.likes(me, post).then_some(Exclusion::Liked));
        // The sum of nothing would be -0.
        let score = because.iter().fold(0.0, |score, reason| score + reason.similarity);
        Some(Explanation { score, because, excluded })
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

    /// Notes the place of each neighbour.
    fn rank(&self, scratch: &mut Scratch, nearest: &[Neighbour]) {
        grow(&mut scratch.rank, self.people.len());
        for (place, neighbour) in (1..).zip(nearest) {
            if let Some(rank) = scratch.rank.get_mut(neighbour.at as usize) {
                *rank = place;
            }
        }
    }

    /// The place of each neighbour who likes a post, counted from 0, nearest first.
    pub(super) fn places(&self, rank: &Array1<u32>, post: At, nearest: &[Neighbour]) -> Vec<usize> {
        match &self.posts[post].column {
            Column::List(people) => {
                let ranks = people.iter().filter_map(|at| rank.get(*at as usize).copied());
                let mut places: Vec<usize> = ranks.filter_map(|rank| (rank as usize).checked_sub(1)).collect();
                places.sort_unstable();
                places
            }
            Column::Bits(people) => {
                let places = nearest.iter().enumerate().filter(|(_, neighbour)| people.contains(neighbour.at));
                places.map(|(place, _)| place).collect()
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
        let found = found.posts;
        let ids: Vec<i64> = found.iter().map(|found| found.post_id.0).collect();
        // 10 has two neighbours and two likes, 20 one neighbour and three likes; both score 1/2.
        assert_eq!(ids, [10, 20, 21, 30, 33, 32, 31]);
        assert_eq!(found[0].score, found[1].score);
    }
}
