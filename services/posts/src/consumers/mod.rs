//! What this service learns from others.

mod moderation_comment;
mod moderation_post;
mod user;

use shared::auth::Accounts;
use shared::events::{Projection, Streams};

use crate::db::entities::users;

/// Every stream that is consumed here.
pub(crate) fn register(streams: Streams, accounts: Accounts) -> Streams {
    streams
        .consumer(Projection::<users::Model, _>::with_memory(accounts))
        .consumer(moderation_post::Decisions)
        .consumer(moderation_comment::Decisions)
}
