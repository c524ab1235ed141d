//! The streams of other services that this service keeps copies of, a file per stream.

mod comment;
mod post;
mod post_counts;
mod user;

use shared::auth::Accounts;
use shared::events::{Projection, Streams};

use crate::db::entities::{comments, counts, posts, users};

/// Registers a consumer for each stream. Applied states of users go to `accounts` as well, which decides whose tokens
/// are refused.
pub(crate) fn register(streams: Streams, accounts: Accounts) -> Streams {
    streams
        .consumer(Projection::<users::Model>::with_memory(accounts))
        .consumer(Projection::<posts::Model>::new())
        .consumer(Projection::<comments::Model>::new())
        .consumer(Projection::<counts::Model>::new())
}
