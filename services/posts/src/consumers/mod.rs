//! What this service learns from others.

mod moderation_comment;
mod moderation_post;
mod user;

use shared::events::{Projection, Streams};

use crate::db::entities::users;
use crate::recounts::People;

/// Every stream that is consumed here.
pub(crate) fn register(streams: Streams, people: People) -> Streams {
    streams
        .consumer(Projection::<users::Model, _>::with_memory(people))
        .consumer(moderation_post::Decisions)
        .consumer(moderation_comment::Decisions)
}
