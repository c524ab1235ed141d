//! Recommended posts and similar people.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use shared::auth::CurrentUser;
use shared::http::{Listed, Page, Query};
use shared::ids::UserId;
use utoipa::{IntoParams, ToSchema};

use super::shapes::{PostOut, UserOut};
use crate::db::queries;
use crate::domain::{PostId, Reason, Recommendation, Weighting};
use crate::error::Error;
use crate::state::AppState;

/// Candidates beyond the limit: some may not be shown, because this service has not heard of their author yet.
const SPARE: usize = 10;

/// How to recommend.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RecommendIn {
    /// At most this many posts.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100, default = 5)]
    limit: Option<String>,
    /// The likes of this many most similar people count.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1000, default = 100)]
    neighbours: Option<String>,
    /// `none`: every shared like counts the same; `idf`: likes of what few people like count more.
    #[param(value_type = Option<String>, default = "none", example = "idf")]
    weighting: Option<String>,
}

/// A recommended post.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecommendedPost {
    post: PostOut,
    /// The sum of the similarities in `because`.
    #[schema(example = 0.5)]
    score: f64,
    /// The similar people who like it, most similar first.
    because: Vec<Reason>,
}

/// Recommended posts, best first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecommendedPosts {
    #[schema(example = "Recommended posts")]
    message: &'static str,
    posts: Vec<RecommendedPost>,
}

/// Somebody with a similar taste.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SimilarUser {
    user: UserOut,
    /// The cosine of both people's likes.
    #[schema(example = 0.5)]
    similarity: f64,
    /// How many posts both like.
    #[schema(value_type = i64, minimum = 1)]
    shared_likes: u32,
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
    params(RecommendIn),
    responses((status = 200, body = RecommendedPosts)),
    security(("bearer" = []))
)]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = %user.id))]
pub(crate) async fn recommend_posts(
    State(state): State<AppState>,
    user: CurrentUser,
    Query(query): Query<RecommendIn>,
) -> Result<Json<RecommendedPosts>, Error> {
    let limit = bounded("limit", query.limit.as_deref(), 5, 100)?;
    let neighbours = bounded("neighbours", query.neighbours.as_deref(), 100, 1_000)?;
    let weighting = weighting(query.weighting.as_deref())?;
    let mut asked = limit + SPARE;
    let posts = loop {
        let found = state.matrix.read().recommend(user.id, asked, neighbours, weighting);
        let last = found.len() < asked;
        let posts = with_posts(&state, found, limit).await?;
        if last || posts.len() == limit {
            break posts;
        }
        asked = asked.saturating_mul(4);
    };
    let message = if posts.is_empty() { "No recommendations available" } else { "Recommended posts" };
    Ok(Json(RecommendedPosts { message, posts }))
}

/// Lists people with a similar taste.
#[utoipa::path(
    get,
    path = "/recommendations/users",
    tag = "recommendations",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 100, default 20"),
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
    let mut asked = fetch + SPARE;
    let mut users = loop {
        let found = state.matrix.read().similar_people(user.id, asked, page.after.map(UserId));
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

/// Adds the posts to their recommendations, and leaves out what cannot be shown.
async fn with_posts(state: &AppState, found: Vec<Recommendation>, limit: usize) -> Result<Vec<RecommendedPost>, Error> {
    let ids: Vec<PostId> = found.iter().map(|recommendation| recommendation.post_id).collect();
    let mut rows = queries::posts::find_visible(state.db.read(), &ids).await?;
    let shown = found.into_iter().filter_map(|recommendation| {
        let post = rows.remove(&recommendation.post_id)?.into();
        Some(RecommendedPost { post, score: recommendation.score, because: recommendation.because })
    });
    Ok(shown.take(limit).collect())
}

/// Adds the people to their similarities, and leaves out who cannot be shown.
async fn with_users(state: &AppState, found: Vec<Reason>, limit: usize) -> Result<Vec<SimilarUser>, Error> {
    let ids: Vec<UserId> = found.iter().map(|reason| reason.user_id).collect();
    let mut rows = queries::users::find_visible(state.db.read(), &ids).await?;
    let shown = found.into_iter().filter_map(|reason| {
        let user = rows.remove(&reason.user_id)?.into();
        Some(SimilarUser { user, similarity: reason.similarity, shared_likes: reason.shared_likes })
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

fn weighting(text: Option<&str>) -> Result<Weighting, Error> {
    match text {
        None | Some("none") => Ok(Weighting::None),
        Some("idf") => Ok(Weighting::Idf),
        Some(_) => Err(Error::UnknownWeighting),
    }
}

#[cfg(test)]
mod tests {
    use shared::error::ApiError;

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
