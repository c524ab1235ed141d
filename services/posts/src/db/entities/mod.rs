//! The tables as sea-orm entities, a file per table. This service owns all of them except `users`, which is a copy.
#![expect(unreachable_pub, reason = "the derives of sea-orm make public items")]

pub(crate) mod bookmarks;
pub(crate) mod comments;
pub(crate) mod counts;
pub(crate) mod likes;
pub(crate) mod pictures;
pub(crate) mod post_tags;
pub(crate) mod posts;
pub(crate) mod recounts;
pub(crate) mod users;
