//! Recommended posts and similar people.

use std::time::Duration;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::auth::CurrentUser;
use shared::cache::Json;
use shared::error::ApiError;
use shared::http::{Listed, Page, Path, Query};
use shared::ids::UserId;
use utoipa::{IntoParams, ToSchema};

use super::shapes::{PostOut, UserOut};
use crate::db::queries;
use crate::domain::{Exclusion, Explanation, PostId, Reason, Recommendation, Recommendations, Weighting};
use crate::error::Error;
use crate::state::AppState;

/// How old popular posts are at most.
const RECENT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Whose likes count, and how much.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RankingIn {
    /// The likes of this many most similar people count.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    neighbours: Option<String>,
    /// `none`: every shared like counts the same; `idf`: likes of what few people like count more.
    #[param(inline, value_type = Option<WeightingName>, default = "none")]
    weighting: Option<String>,
}

/// How much likes count.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only describes the parameter")]
pub(crate) enum WeightingName {
    None,
    Idf,
}

impl RankingIn {
    fn read(&self) -> Result<(usize, Weighting), Error> {
        let weighting = match self.weighting.as_deref() {
            None | Some("none") => Weighting::None,
            Some("idf") => Weighting::Idf,
            Some(_) => return Err(Error::UnknownWeighting),
        };
        Ok((bounded("neighbours", self.neighbours.as_deref(), 100, 1_000)?, weighting))
    }
}

/// How to recommend.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RecommendIn {
    /// At most this many posts.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 5)]
    limit: Option<String>,
    /// What fills up when similar people like too little: `none`, or `popular`, the most liked posts of the last seven days.
    #[param(inline, value_type = Option<FallbackName>, default = "none")]
    fallback: Option<String>,
}

/// What fills up.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only describes the parameter")]
pub(crate) enum FallbackName {
    None,
    Popular,
}

/// A recommended post.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecommendedPost {
    #[serde(skip)]
    id: PostId,
    #[schema(value_type = PostOut)]
    post: Json,
    /// The sum of the similarities in `because`.
    #[schema(example = 0.5)]
    score: f64,
    /// The similar people who like it, most similar first.
    #[schema(value_type = Vec<Reason>)]
    because: Vec<Json>,
    /// Only on posts that no similar person likes: what they are shown for.
    #[serde(skip_serializing_if = "Option::is_none")]
    fallback: Option<Fallback>,
}

/// What fills up.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fallback {
    /// The most liked posts of the last days.
    Popular,
}

/// Recommended posts, best first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecommendedPosts {
    #[schema(example = "Recommended posts")]
    message: &'static str,
    posts: Vec<RecommendedPost>,
}

/// Why a post is recommended, or would be.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExplainedPost {
    #[schema(example = "Explained post")]
    message: &'static str,
    #[schema(value_type = PostOut)]
    post: Json,
    /// The sum of the similarities in `because`.
    #[schema(example = 0.5)]
    score: f64,
    /// The similar people who like it, most similar first; nobody: it is not recommended.
    because: Vec<Reason>,
    /// Why it is not recommended whatever its score is.
    excluded: Option<Exclusion>,
}

/// Somebody with a similar taste.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SimilarUser {
    user: UserOut,
    /// The cosine of both people's likes.
    #[schema(example = 0.5)]
    similarity: f64,
    /// How many visible posts both like.
    #[schema(value_type = i64, minimum = 1)]
    shared_likes: u32,
    /// How many visible posts you like.
    #[schema(value_type = i64, minimum = 1)]
    your_likes: u32,
    /// How many visible posts the other person likes.
    #[schema(value_type = i64, minimum = 1)]
    their_likes: u32,
}

/// Similar people, most similar first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SimilarUsers {
    users: Vec<SimilarUser>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// Recommends posts that similar people like.
#[utoipa::path(
    get,
    path = "/recommendations",
    tag = "recommendations",
    params(RecommendIn, RankingIn),
    responses((status = 200, body = RecommendedPosts)),
    security(("bearer" = []))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn recommend_posts(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(query): Query<RecommendIn>,
    Query(ranking): Query<RankingIn>,
) -> Result<Listed<RecommendedPosts>, Error> {
    let limit = bounded("limit", query.limit.as_deref(), 5, 100)?;
    let (neighbours, weighting) = ranking.read()?;
    let fallback = match query.fallback.as_deref() {
        None | Some("none") => None,
        Some("popular") => Some(Fallback::Popular),
        Some(_) => return Err(Error::UnknownFallback),
    };
    let recommend =
        |asked| state.matrix.ask(|likes, scratch| likes.recommend(scratch, user.id, asked, neighbours, weighting));
    let mut posts = with_posts(&state, limit, recommend).await?;
    if let Some(fallback) = fallback.filter(|_| posts.len() < limit) {
        // Those that are shown already, too: since then somebody may have withdrawn a like.
        let mut known: Vec<PostId> = recommend(usize::MAX)?.posts.into_iter().map(|found| found.post_id).collect();
        known.extend(posts.iter().map(|post| post.id));
        let since = state.auth.clock.now() - RECENT;
        let popular = |asked| {
            let found = state.matrix.ask(|likes, _| likes.popular(user.id, asked, since, &known))?;
            let unexplained = |post_id| Recommendation { post_id, score: 0.0, because: Vec::new() };
            Ok(Recommendations { posts: found.into_iter().map(unexplained).collect(), neighbours: Vec::new() })
        };
        let popular = with_posts(&state, limit - posts.len(), popular).await?;
        posts.extend(popular.into_iter().map(|post| RecommendedPost { fallback: Some(fallback), ..post }));
    }
    let message = if posts.is_empty() { "No recommendations available" } else { "Recommended posts" };
    Ok(Listed::all(RecommendedPosts { message, posts }))
}

/// Explains one post: who of the similar people likes it, and the score that follows.
#[utoipa::path(
    get,
    path = "/recommendations/posts/{id}/explain",
    tag = "recommendations",
    params(("id" = PostId, Path), RankingIn),
    responses((status = 200, body = ExplainedPost)),
    security(("bearer" = []))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn explain_post(
    State(state): State<AppState>,
    user: CurrentUser,
    Path(id): Path<PostId>,
    Query(ranking): Query<RankingIn>,
) -> Result<axum::Json<ExplainedPost>, Error> {
    let (neighbours, weighting) = ranking.read()?;
    let explained = state.matrix.ask(|likes, scratch| likes.explain(scratch, user.id, id, neighbours, weighting))?;
    let Explanation { score, because, excluded } = explained.ok_or(Error::PostNotFound)?;
    let post = state.shown.find(id.0).await?.ok_or(Error::PostNotFound)?.body();
    Ok(axum::Json(ExplainedPost { message: "Explained post", post, score, because, excluded }))
}

/// Lists people with a similar taste.
#[utoipa::path(
    get,
    path = "/recommendations/users",
    tag = "recommendations",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many people at most, 20 unless given"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, body = SimilarUsers)),
    security(("bearer" = []))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn recommend_users(
    State(state): State<AppState>,
    user: CurrentUser,
    page: Page,
) -> Result<Listed<SimilarUsers>, Error> {
    let fetch = usize::try_from(page.fetch()).unwrap_or(usize::MAX);
    let mut asked = fetch;
    let mut users = loop {
        let after = page.after.map(UserId);
        let found = state.matrix.ask(|likes, scratch| likes.similar_people(scratch, user.id, asked, after))?;
        let last = found.len() < asked;
        let users = with_users(&state, found, fetch).await?;
        if last || users.len() == fetch {
            break users;
        }
        asked = asked.saturating_mul(4);
    };
    let next = page.cut(&mut users, |similar| similar.user.id().0);
    Ok(page.answer(SimilarUsers { users, next: next.clone() }, next.as_deref()))
}

/// The first recommendations with their posts. What cannot be shown is left out, and more is asked for instead.
async fn with_posts(
    state: &AppState,
    limit: usize,
    recommend: impl Fn(usize) -> Result<Recommendations, ApiError>,
) -> Result<Vec<RecommendedPost>, Error> {
    let mut asked = limit;
    loop {
        let found = recommend(asked)?;
        let last = found.posts.len() < asked;
        let ids: Vec<i64> = found.posts.iter().map(|found| found.post_id.0).collect();
        let mut shown = state.shown.find_all(&ids).await?.into_iter().peekable();
        let mut reasons = Reasons::of(&found.neighbours);
        let posts = found.posts.into_iter().filter_map(|Recommendation { post_id, score, because }| {
            let post = shown.next_if(|shown| shown.id() == post_id)?.body();
            Some(RecommendedPost { id: post_id, post, score, because: reasons.at(&because), fallback: None })
        });
        let posts: Vec<RecommendedPost> = posts.take(limit).collect();
        if last || posts.len() == limit {
            return Ok(posts);
        }
        asked = asked.saturating_mul(4);
    }
}

/// Neighbours as JSON. Each is written once, though they are reasons for several posts: most of an answer is reasons.
struct Reasons<'a>(Vec<(&'a Reason, Option<Json>)>);

impl<'a> Reasons<'a> {
    fn of(neighbours: &'a [Reason]) -> Self {
        Self(neighbours.iter().map(|reason| (reason, None)).collect())
    }

    fn at(&mut self, places: &[usize]) -> Vec<Json> {
        let mut found = Vec::with_capacity(places.len());
        for place in places {
            if let Some((reason, json)) = self.0.get_mut(*place) {
                found.push(json.get_or_insert_with(|| Json::of(reason)).clone());
            }
        }
        found
    }
}

/// Adds the people to their similarities, and leaves out who cannot be shown.
async fn with_users(state: &AppState, found: Vec<Reason>, limit: usize) -> Result<Vec<SimilarUser>, Error> {
    let ids: Vec<UserId> = found.iter().map(|reason| reason.user_id).collect();
    let mut rows = queries::users::find_visible(state.db.read(), &ids).await?;
    let shown = found.into_iter().filter_map(|reason| {
        let user = rows.remove(&reason.user_id)?.into();
        let Reason { similarity, shared_likes, your_likes, their_likes, .. } = reason;
        Some(SimilarUser { user, similarity, shared_likes, your_likes, their_likes })
    });
    Ok(shown.take(limit).collect())
}

/// Reads an integer from 1 to `max`; digits beyond 64 bits are out of range, not nonsense.
fn bounded(field: &'static str, text: Option<&str>, default: usize, max: u32) -> Result<usize, Error> {
    let Some(text) = text else { return Ok(default) };
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::NotANumber { field });
    }
    let number = text.parse::<u32>().ok().filter(|number| (1..=max).contains(number));
    number.map(|number| number as usize).ok_or(Error::OutOfRange { field, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_integers_within_bounds() {
        let read =
            |text: &str| bounded("limit", Some(text), 5, 100).map_err(|error| ApiError::from(error).status().as_u16());
        assert_eq!(bounded("limit", None, 5, 100).ok(), Some(5));
        assert_eq!((read("1"), read("100"), read("007")), (Ok(1), Ok(100), Ok(7)));
        for out in ["0", "-1", "101", "9223372036854775808", "99999999999999999999999999"] {
            assert_eq!(read(out), Err(422), "{out}");
        }
        for bad in ["", "-", "x", "1.5", "1e2", " 1", "+1", "٣"] {
            assert_eq!(read(bad), Err(400), "{bad}");
        }
    }
}
