//! The streams that this service consumes, one file for each kind of stream.

mod erasure_done;
mod moderation_user;

use shared::events::Streams;

use erasure_done::{Admin, Confirmations, Posts, Recommendations, Subscriptions};

/// Adds every consumed stream.
pub(crate) fn register(streams: Streams) -> Streams {
    streams
        .consumer(moderation_user::Decisions)
        .consumer(Confirmations::<Posts>::default())
        .consumer(Confirmations::<Subscriptions>::default())
        .consumer(Confirmations::<Admin>::default())
        .consumer(Confirmations::<Recommendations>::default())
}
