//! The responses of all operations of this service.

use serde::Serialize;
use shared::cache::Json;
use shared::ids::UserId;
use utoipa::ToSchema;

use super::post::PostOut;
use super::user::UserOut;
use crate::db::queries::users::VisibleUser;
use crate::domain::{Exclusion, Explanation, PostId, Reason};

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
    #[schema(value_type = Fallback, required = false)]
    fallback: Option<Fallback>,
}

impl RecommendedPost {
    /// Builds a recommendation from a rendered post, its score, and rendered [`Reason`]s.
    pub(crate) fn of(id: PostId, post: Json, score: f64, because: Vec<Json>) -> Self {
        Self { id, post, score, because, fallback: None }
    }

    /// Builds a post that fills up a list of recommendations. Its score is 0, and it has no reasons.
    pub(crate) fn of_fallback(id: PostId, post: Json, fallback: Fallback) -> Self {
        Self { id, post, score: 0.0, because: Vec::new(), fallback: Some(fallback) }
    }

    /// Returns the post's id.
    pub(crate) fn id(&self) -> PostId {
        self.id
    }
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

impl RecommendedPosts {
    /// Builds the response from the recommended posts, best first.
    pub(crate) fn of(posts: Vec<RecommendedPost>) -> Self {
        let message = if posts.is_empty() { "No recommendations available" } else { "Recommended posts" };
        Self { message, posts }
    }
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

impl ExplainedPost {
    /// Builds the response from a rendered post and its explanation.
    pub(crate) fn of(post: Json, explanation: Explanation) -> Self {
        let Explanation { score, because, excluded } = explanation;
        Self { message: "Explained post", post, score, because, excluded }
    }
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

impl SimilarUser {
    /// Builds a similar person from the person's row and the numbers of the similarity.
    pub(crate) fn of(row: VisibleUser, reason: &Reason) -> Self {
        let Reason { similarity, shared_likes, your_likes, their_likes, .. } = *reason;
        Self { user: row.into(), similarity, shared_likes, your_likes, their_likes }
    }

    /// Returns the person's id.
    pub(crate) fn id(&self) -> UserId {
        self.user.id()
    }
}

/// Similar people, most similar first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SimilarUsers {
    users: Vec<SimilarUser>,
    /// The cursor of the next page.
    next: Option<String>,
}

impl SimilarUsers {
    /// Builds a page from the people on it and the cursor of the next page, which is `None` on the last page.
    pub(crate) fn of(users: Vec<SimilarUser>, next: Option<String>) -> Self {
        Self { users, next }
    }
}
