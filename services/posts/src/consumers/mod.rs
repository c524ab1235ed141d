//! The streams of other services that this service consumes, a file per kind of stream. `streams/` has the streams that
//! it publishes.

mod moderation;
mod user;

use shared::auth::{EndedSessions, ended_sessions};
use shared::events::{Projection, Streams};

use crate::db::entities::users;
use crate::memory::people::People;

/// Adds every consumed stream. `people` follows the copy of users, and `ended` the copy of ended sessions.
pub(crate) fn register(streams: Streams, people: People, ended: EndedSessions) -> Streams {
    streams
        .consumer(Projection::<users::Model>::with_memory(people))
        .consumer(Projection::<ended_sessions::Model>::with_memory(ended))
        .consumer(moderation::Decisions::<moderation::Posts>::default())
        .consumer(moderation::Decisions::<moderation::Comments>::default())
}
