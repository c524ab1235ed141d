//! What this service learns from others.

mod post;
mod post_counts;
mod user;

use shared::auth::Accounts;
use shared::events::{Projection, Streams};

use crate::db::entities::{counts, posts, users};

/// Every stream that is consumed here.
pub(crate) fn register(streams: Streams, accounts: Accounts) -> Streams {
    streams
        .consumer(Projection::<users::Model, _>::with_memory(accounts))
        .consumer(Projection::<posts::Model>::new())
        .consumer(Projection::<counts::Model>::new())
}
