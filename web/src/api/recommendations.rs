//! Posts and people that the API recommends.

use serde::Deserialize;

use super::{Api, Post, User};
use crate::error::Error;

const RECOMMENDATIONS: &str = "recommendations";

/// A recommended post, with the people because of whom it is recommended.
#[derive(Debug, Deserialize)]
pub(crate) struct RecommendedPost {
    pub(crate) post: Post,
    #[serde(default)]
    pub(crate) because: Vec<Reason>,
}

/// A person with similar taste who likes the post.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Reason {
    pub(crate) user_id: u64,
    pub(crate) shared_likes: u64,
}

/// A person with similar taste.
#[derive(Debug, Deserialize)]
pub(crate) struct SimilarUser {
    pub(crate) user: User,
    pub(crate) shared_likes: u64,
}

#[derive(Deserialize)]
struct RecommendedPosts {
    posts: Vec<RecommendedPost>,
}

#[derive(Deserialize)]
struct SimilarUsers {
    users: Vec<SimilarUser>,
}

impl Api {
    /// Lists recommended posts. Popular ones stand in for somebody of whom nothing is known yet.
    pub(crate) async fn recommended_posts(&self) -> Result<Vec<RecommendedPost>, Error> {
        let found: RecommendedPosts = self.get(RECOMMENDATIONS, "/recommendations?limit=10&fallback=popular").await?;
        Ok(found.posts)
    }

    /// Lists people with similar taste.
    pub(crate) async fn similar_users(&self, limit: u32) -> Result<Vec<SimilarUser>, Error> {
        let found: SimilarUsers = self.get(RECOMMENDATIONS, &format!("/recommendations/users?limit={limit}")).await?;
        Ok(found.users)
    }
}
