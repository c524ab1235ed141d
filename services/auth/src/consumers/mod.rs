//! The streams that this service consumes, a file each.

mod moderation_user;

use shared::events::Streams;

/// Adds every consumed stream.
pub(crate) fn register(streams: Streams) -> Streams {
    streams.consumer(moderation_user::Decisions)
}
