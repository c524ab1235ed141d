//! What this service learns from others.

mod like;
mod post;
mod post_counts;
mod user;

use shared::auth::Accounts;
use shared::events::{Projection, Streams};

use crate::db::entities::{counts, likes, posts, users};
use crate::memory::{People, Posts};

/// Every stream that is consumed here. Memory is filled in this order too: people and posts first, so that likes find
/// them.
pub(crate) fn register(streams: Streams, posts: Posts, accounts: Accounts) -> Streams {
    let matrix = posts.matrix.clone();
    let people = People { matrix: matrix.clone(), accounts };
    streams
        .consumer(Projection::<users::Model, _>::with_memory(people))
        .consumer(Projection::<posts::Model, _>::with_memory(posts.clone()))
        .consumer(Projection::<counts::Model, _>::with_memory(posts))
        .consumer(Projection::<likes::Model, _>::with_memory(matrix))
}
