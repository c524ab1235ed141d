//! What this service learns from others.

mod post;
mod post_counts;
mod user;

use shared::auth::Accounts;
use shared::events::{Projection, Streams};

use crate::db::entities::{counts, posts, users};
use crate::memory::FeedMemory;

/// Every stream that is consumed here.
pub(crate) fn register(streams: Streams, feed: FeedMemory, accounts: Accounts) -> Streams {
    streams
        .consumer(Projection::<users::Model, _>::with_memory(accounts))
        .consumer(Projection::<posts::Model, _>::with_memory(feed.clone()))
        .consumer(Projection::<counts::Model, _>::with_memory(feed))
}
