//! The bodies of answers, a file per resource. They are built from rows and states, and know nothing of requests.

pub(crate) mod message;

pub(crate) mod comment;
pub(crate) mod drawn_avatar;
pub(crate) mod feeds;
pub(crate) mod like;
pub(crate) mod post;
