//! The bodies of this service's responses.

mod post;
mod recommendations;
mod user;

pub(crate) use post::PostOut;
pub(crate) use recommendations::{
    ExplainedPost, Fallback, RecommendedPost, RecommendedPosts, SimilarUser, SimilarUsers,
};
