//! The handlers, a file per resource. They parse the request, call an action or a query, and answer.
//!
//! Only `router.rs` imports from here.

pub(crate) mod avatars;
pub(crate) mod comments;
pub(crate) mod feeds;
pub(crate) mod likes;
pub(crate) mod media;
pub(crate) mod own;
pub(crate) mod posts;

mod conditions;
mod post_in;
mod sent;

pub(crate) use sent::MAX_FORM_BYTES;
