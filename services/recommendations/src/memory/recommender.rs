//! The recommender: asks the like matrix, and adds rendered posts and profiles of people to its results.
//!
//! The matrix also returns posts and people that are not visible yet, because states have not arrived: posts by authors
//! without a name, and people who are only known by a like. Such results are skipped, and the matrix is asked for more
//! in their place.

use std::time::Duration;

use shared::auth::PersonalBlocks;
use shared::cache::{Cache, Json};
use shared::error::ApiError;
use shared::ids::UserId;
use shared::work::Db;

use super::matrix::Matrix;
use super::shown::PostLoader;
use crate::answers::{ExplainedPost, Fallback, RecommendedPost, SimilarUser};
use crate::db::queries;
use crate::domain::{PostId, Reason, Recommendation, Recommendations, Weighting};
use crate::error::Error;

/// The maximum age of popular posts.
const RECENT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The factor by which more results are asked for when too many of them are not visible.
const MORE: usize = 4;

/// The choice of the neighbours whose likes count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranking {
    /// The number of nearest neighbours.
    pub(crate) neighbours: usize,
    /// The weighting of shared likes.
    pub(crate) weighting: Weighting,
}

/// Finds recommended posts and similar people. Clones share the memory.
#[derive(Clone)]
pub(crate) struct Recommender {
    /// The like matrix.
    pub(crate) matrix: Matrix,
    /// Rendered posts by their ids.
    pub(crate) shown: Cache<PostLoader>,
    /// The copies, for the profiles of similar people.
    db: Db,
    /// The people who do not see each other.
    blocks: PersonalBlocks,
}

impl Recommender {
    /// Creates a recommender with an empty matrix, which the consumers fill, and a cache of at most `cache_bytes`.
    pub(crate) fn new(db: Db, cache_bytes: u64, blocks: PersonalBlocks) -> Self {
        Self { matrix: Matrix::default(), shown: Cache::new(cache_bytes), db, blocks }
    }

    /// Recommends up to `limit` posts to `me`, best first.
    ///
    /// # Errors
    /// 503 until the matrix is filled, and when the database is needed and cannot be read.
    pub(crate) async fn recommend(
        &self,
        me: UserId,
        ranking: Ranking,
        limit: usize,
    ) -> Result<Vec<RecommendedPost>, Error> {
        let mut asked = limit;
        loop {
            let Recommendations { posts, neighbours } = self.rank_posts(me, ranking, asked)?;
            let is_exhausted = posts.len() < asked;
            let mut reasons = RenderedReasons::of(&neighbours);
            let posts: Vec<Recommendation> =
                posts.into_iter().filter_map(|post| self.without_hidden_reasons(me, post, &neighbours)).collect();
            let rendered = self.render(me, &posts, |post| post.post_id).await?.into_iter();
            let posts = rendered.take(limit).map(|(Recommendation { post_id, score, because }, body)| {
                RecommendedPost::of(*post_id, body, *score, reasons.render(because))
            });
            let posts: Vec<RecommendedPost> = posts.collect();
            if is_exhausted || posts.len() == limit {
                return Ok(posts);
            }
            asked = asked.saturating_mul(MORE);
        }
    }

    /// Appends popular posts that are not older than [`RECENT`] until there are `limit` posts or no more popular ones.
    ///
    /// # Errors
    /// As [`Recommender::recommend`].
    pub(crate) async fn fill_up_with_popular(
        &self,
        posts: &mut Vec<RecommendedPost>,
        me: UserId,
        ranking: Ranking,
        limit: usize,
    ) -> Result<(), Error> {
        let missing = limit.saturating_sub(posts.len());
        if missing == 0 {
            return Ok(());
        }
        // No post that the neighbours like appears as a popular one, not even one that is not visible. The posts that
        // are listed already are excluded too: a neighbour may have withdrawn a like since they were ranked.
        let ranked = self.rank_posts(me, ranking, usize::MAX)?.posts;
        let known: Vec<PostId> =
            ranked.iter().map(|post| post.post_id).chain(posts.iter().map(RecommendedPost::id)).collect();
        let since = self.db.clock().now() - RECENT;
        let mut asked = missing;
        loop {
            let found = self.matrix.ask(|likes, _| likes.popular(me, asked, since, &known))?;
            let is_exhausted = found.len() < asked;
            let shown = self.render(me, &found, |id| *id).await?;
            if is_exhausted || shown.len() >= missing {
                let popular = shown.into_iter().take(missing);
                posts.extend(popular.map(|(id, body)| RecommendedPost::of_fallback(*id, body, Fallback::Popular)));
                return Ok(());
            }
            asked = asked.saturating_mul(MORE);
        }
    }

    /// Explains the score of one post for `me`, even if the post is not recommended. `None` if the post is not visible,
    /// or `me` is unknown or not active.
    ///
    /// # Errors
    /// As [`Recommender::recommend`].
    pub(crate) async fn explain(
        &self,
        me: UserId,
        post: PostId,
        ranking: Ranking,
    ) -> Result<Option<ExplainedPost>, ApiError> {
        let Ranking { neighbours, weighting } = ranking;
        let explained = self.matrix.ask(|likes, scratch| likes.explain(scratch, me, post, neighbours, weighting))?;
        let Some(mut explanation) = explained else { return Ok(None) };
        if self.blocks.involve(me) {
            explanation.because.retain(|reason| !self.blocks.part(me, reason.user_id));
            explanation.score = sum_similarities(explanation.because.iter());
        }
        let shown = self.shown.find(post.0).await?.filter(|post| !self.blocks.part(me, post.author()));
        Ok(shown.map(|post| ExplainedPost::of(post.body(), explanation)))
    }

    /// Lists up to `limit` people by their similarity to `me`, most similar first, all after the person `after` if one
    /// is given.
    ///
    /// # Errors
    /// As [`Recommender::recommend`].
    pub(crate) async fn find_similar(
        &self,
        me: UserId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<SimilarUser>, Error> {
        let mut asked = limit;
        loop {
            let mut found = self.matrix.ask(|likes, scratch| likes.similar_people(scratch, me, asked, after))?;
            let is_exhausted = found.len() < asked;
            found.retain(|reason| !self.blocks.part(me, reason.user_id));
            let ids: Vec<UserId> = found.iter().map(|reason| reason.user_id).collect();
            let mut rows = queries::users::find_visible(self.db.read(), &ids).await?;
            let shown = found.iter().filter_map(|reason| Some(SimilarUser::of(rows.remove(&reason.user_id)?, reason)));
            let users: Vec<SimilarUser> = shown.take(limit).collect();
            if is_exhausted || users.len() == limit {
                return Ok(users);
            }
            asked = asked.saturating_mul(MORE);
        }
    }

    fn rank_posts(&self, me: UserId, ranking: Ranking, limit: usize) -> Result<Recommendations, ApiError> {
        let Ranking { neighbours, weighting } = ranking;
        self.matrix.ask(|likes, scratch| likes.recommend(scratch, me, limit, neighbours, weighting))
    }

    /// Removes people whom `me` does not see from the reasons of a recommendation, and their part of the score. `None`
    /// if no reason is left.
    fn without_hidden_reasons(
        &self,
        me: UserId,
        mut post: Recommendation,
        neighbours: &[Reason],
    ) -> Option<Recommendation> {
        if !self.blocks.involve(me) {
            return Some(post);
        }
        let is_hidden = |reason: &Reason| self.blocks.part(me, reason.user_id);
        post.because.retain(|place| neighbours.get(*place).is_some_and(|reason| !is_hidden(reason)));
        post.score = sum_similarities(post.because.iter().filter_map(|place| neighbours.get(*place)));
        (!post.because.is_empty()).then_some(post)
    }

    /// Adds the rendered post to each item, and skips items whose post is not visible to `me`. `id_of` returns the id of an
    /// item's post.
    async fn render<'a, T>(
        &self,
        me: UserId,
        items: &'a [T],
        id_of: impl Fn(&T) -> PostId,
    ) -> Result<Vec<(&'a T, Json)>, ApiError> {
        let ids: Vec<i64> = items.iter().map(|item| id_of(item).0).collect();
        // The cache returns posts in the order of the ids and leaves out those that it does not find.
        let mut shown = self.shown.find_all(&ids).await?.into_iter().peekable();
        let rendered = items.iter().filter_map(|item| {
            let post = shown.next_if(|shown| shown.id() == id_of(item))?;
            (!self.blocks.part(me, post.author())).then(|| (item, post.body()))
        });
        Ok(rendered.collect())
    }
}

/// Adds up similarities. The fold begins with 0.0, because the sum of no floats is -0.0, which would be sent to the
/// client.
fn sum_similarities<'a>(reasons: impl Iterator<Item = &'a Reason>) -> f64 {
    reasons.fold(0.0, |score, reason| score + reason.similarity)
}

/// Neighbours as JSON. Each neighbour is rendered at most once, although it may be a reason for several posts, because
/// reasons are the largest part of an answer.
struct RenderedReasons<'a>(Vec<(&'a Reason, Option<Json>)>);

impl<'a> RenderedReasons<'a> {
    fn of(neighbours: &'a [Reason]) -> Self {
        Self(neighbours.iter().map(|reason| (reason, None)).collect())
    }

    /// Returns the neighbours at these places of the list as JSON.
    fn render(&mut self, places: &[usize]) -> Vec<Json> {
        let mut rendered = Vec::with_capacity(places.len());
        for place in places {
            if let Some((reason, json)) = self.0.get_mut(*place) {
                rendered.push(json.get_or_insert_with(|| Json::of(reason)).clone());
            }
        }
        rendered
    }
}
