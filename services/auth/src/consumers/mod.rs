//! The streams that this service consumes, one file for each kind of stream.

mod erasure_done;
mod moderation_user;

use shared::auth::{PersonalBlocks, personal_blocks};
use shared::events::{Projection, Streams};

use erasure_done::{Admin, Confirmations, Posts, Recommendations, Subscriptions};

/// Adds every consumed stream. `blocks` follows the copy of blocks between people.
pub(crate) fn register(streams: Streams, blocks: PersonalBlocks) -> Streams {
    streams
        .consumer(moderation_user::Decisions)
        .consumer(Projection::<personal_blocks::Model>::with_memory(blocks))
        .consumer(Confirmations::<Posts>::default())
        .consumer(Confirmations::<Subscriptions>::default())
        .consumer(Confirmations::<Admin>::default())
        .consumer(Confirmations::<Recommendations>::default())
}
