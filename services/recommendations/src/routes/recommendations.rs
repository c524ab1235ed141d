//! The routes of recommended posts and of similar people.

use axum::extract::State;
use serde::Deserialize;
use shared::auth::CurrentUser;
use shared::http::{Listed, Page, Path, Query};
use shared::ids::UserId;
use utoipa::{IntoParams, ToSchema};

use crate::answers::{ExplainedPost, Fallback, RecommendedPosts, SimilarUsers};
use crate::domain::{PostId, Weighting};
use crate::error::Error;
use crate::memory::recommender::Ranking;
use crate::state::AppState;

/// The query parameters that say whose likes count, and how much. Numbers are read as text, so that each mistake gets
/// its own problem.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RankingIn {
    /// The likes of this many most similar people count.
    #[param(required = false, value_type = u32, minimum = 1, maximum = 1000, default = 100)]
    neighbours: Option<String>,
    /// `none`, the default: every shared like counts the same; `idf`: likes of what few people like count more.
    #[param(inline, required = false, value_type = WeightingName)]
    weighting: Option<String>,
}

impl RankingIn {
    fn read(&self) -> Result<Ranking, Error> {
        let weighting = match self.weighting.as_deref() {
            None | Some("none") => Weighting::None,
            Some("idf") => Weighting::Idf,
            Some(_) => return Err(Error::UnknownWeighting),
        };
        let neighbours = read_bounded("neighbours", self.neighbours.as_deref(), 100, 1_000)?;
        Ok(Ranking { neighbours, weighting })
    }
}

/// The query parameters of [`recommend_posts`].
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RecommendIn {
    /// At most this many posts.
    #[param(required = false, value_type = u32, minimum = 1, maximum = 100, default = 5)]
    limit: Option<String>,
    /// The posts that fill up when similar people like too little: `none`, the default, or `popular`, the most liked posts
    /// of the last seven days.
    #[param(inline, required = false, value_type = FallbackName)]
    fallback: Option<String>,
}

impl RecommendIn {
    fn read_limit(&self) -> Result<usize, Error> {
        read_bounded("limit", self.limit.as_deref(), 5, 100)
    }

    fn read_fallback(&self) -> Result<Option<Fallback>, Error> {
        match self.fallback.as_deref() {
            None | Some("none") => Ok(None),
            Some("popular") => Ok(Some(Fallback::Popular)),
            Some(_) => Err(Error::UnknownFallback),
        }
    }
}

/// The names of the ways to weight.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only describes the parameter")]
pub(crate) enum WeightingName {
    None,
    Idf,
}

/// The names of the ways to fill up.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only describes the parameter")]
pub(crate) enum FallbackName {
    None,
    Popular,
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
    State(s): State<AppState>,
    user: CurrentUser,
    Query(query): Query<RecommendIn>,
    Query(ranking): Query<RankingIn>,
) -> Result<Listed<RecommendedPosts>, Error> {
    let (limit, ranking, fallback) = (query.read_limit()?, ranking.read()?, query.read_fallback()?);
    let mut posts = s.recommender.recommend(user.id, ranking, limit).await?;
    if let Some(Fallback::Popular) = fallback {
        s.recommender.fill_up_with_popular(&mut posts, user.id, ranking, limit).await?;
    }
    Ok(Listed::unpaged(RecommendedPosts::of(posts)))
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
    State(s): State<AppState>,
    user: CurrentUser,
    Path(id): Path<PostId>,
    Query(ranking): Query<RankingIn>,
) -> Result<axum::Json<ExplainedPost>, Error> {
    let explained = s.recommender.explain(user.id, id, ranking.read()?).await?;
    explained.map(axum::Json).ok_or(Error::PostNotFound)
}

/// Lists people with a similar taste.
#[utoipa::path(
    get,
    path = "/recommendations/users",
    tag = "recommendations",
    params(Page),
    responses((status = 200, body = SimilarUsers)),
    security(("bearer" = []))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn recommend_users(
    State(s): State<AppState>,
    user: CurrentUser,
    page: Page,
) -> Result<Listed<SimilarUsers>, Error> {
    let fetch = usize::try_from(page.fetch()).unwrap_or(usize::MAX);
    let mut users = s.recommender.find_similar(user.id, page.after.map(UserId), fetch).await?;
    let next = page.cut(&mut users, |similar| similar.id().0);
    Ok(page.answer(SimilarUsers::of(users, next.clone()), next.as_deref()))
}

/// Reads an integer from 1 to `max`, or returns `default` when `text` is `None`.
///
/// # Errors
/// [`Error::OutOfRange`] for any other integer, however long; [`Error::NotANumber`] for every other text.
fn read_bounded(field: &'static str, text: Option<&str>, default: usize, max: u32) -> Result<usize, Error> {
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
    use shared::error::ApiError;

    use super::*;

    #[test]
    fn numbers_are_integers_within_bounds() {
        let read = |text: &str| {
            read_bounded("limit", Some(text), 5, 100).map_err(|error| ApiError::from(error).status().as_u16())
        };
        assert_eq!(read_bounded("limit", None, 5, 100).ok(), Some(5));
        assert_eq!((read("1"), read("100"), read("007")), (Ok(1), Ok(100), Ok(7)));
        for out in ["0", "-1", "101", "9223372036854775808", "99999999999999999999999999"] {
            assert_eq!(read(out), Err(422), "{out}");
        }
        for bad in ["", "-", "x", "1.5", "1e2", " 1", "+1", "٣"] {
            assert_eq!(read(bad), Err(400), "{bad}");
        }
    }
}
