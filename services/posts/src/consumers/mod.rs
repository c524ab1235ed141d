//! The streams of other services that this service consumes, a file per kind of stream. `streams/` is its mirror.

mod moderation;
mod user;

use shared::events::{Projection, Streams};

use crate::db::entities::users;
use crate::memory::people::People;

/// Adds every consumed stream. `people` follows the copy of users.
pub(crate) fn register(streams: Streams, people: People) -> Streams {
    streams
        .consumer(Projection::<users::Model>::with_memory(people))
        .consumer(moderation::Decisions::<moderation::Posts>::default())
        .consumer(moderation::Decisions::<moderation::Comments>::default())
}
