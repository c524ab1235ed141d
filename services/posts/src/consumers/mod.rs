//! The streams of other services that this service consumes, a file per kind of stream. `streams/` has the streams that
//! it publishes.

mod moderation;
mod user;

use shared::auth::{EndedSessions, PersonalBlocks, ended_sessions, personal_blocks};
use shared::events::{Projection, Streams};

use crate::db::entities::users;
use crate::memory::people::People;

/// Adds every consumed stream. `people` follows the copy of users, `ended` the copy of ended sessions, and `blocks` the
/// copy of blocks between people.
pub(crate) fn register(streams: Streams, people: People, ended: EndedSessions, blocks: PersonalBlocks) -> Streams {
    streams
        .consumer(Projection::<users::Model>::with_memory(people))
        .consumer(Projection::<ended_sessions::Model>::with_memory(ended))
        .consumer(Projection::<personal_blocks::Model>::with_memory(blocks))
        .consumer(moderation::Decisions::<moderation::Posts>::default())
        .consumer(moderation::Decisions::<moderation::Comments>::default())
}
