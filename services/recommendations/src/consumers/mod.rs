//! The streams of other services that this service keeps copies of, a file per stream.

mod like;
mod post;
mod post_counts;
mod user;

use shared::auth::{Accounts, EndedSessions, PersonalBlocks, ended_sessions, personal_blocks};
use shared::events::{Projection, Streams};

use crate::db::entities::{counts, likes, posts, users};
use crate::memory::matrix::{People, Posts};

/// Registers a consumer for each stream. The memories are filled in the order of registration: people come first, so
/// that they are numbered by activity, and likes come last, because the matrix counts as filled after them.
pub(crate) fn register(
    streams: Streams,
    posts: Posts,
    accounts: Accounts,
    ended: EndedSessions,
    blocks: PersonalBlocks,
) -> Streams {
    let matrix = posts.matrix.clone();
    let people = People { matrix: matrix.clone(), accounts };
    streams
        .consumer(Projection::<users::Model>::with_memory(people))
        .consumer(Projection::<ended_sessions::Model>::with_memory(ended))
        .consumer(Projection::<personal_blocks::Model>::with_memory(blocks))
        .consumer(Projection::<posts::Model>::with_memory(posts.clone()))
        .consumer(Projection::<counts::Model>::with_memory(posts))
        .consumer(Projection::<likes::Model>::with_memory(matrix))
}
