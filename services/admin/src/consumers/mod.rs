//! What this service learns from others.

pub(crate) mod comment;
pub(crate) mod post;
pub(crate) mod post_counts;
pub(crate) mod user;
