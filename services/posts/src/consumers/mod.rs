//! What this service learns from others.

pub(crate) mod moderation_comment;
pub(crate) mod moderation_post;
pub(crate) mod user;
