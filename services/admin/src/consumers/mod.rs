//! The streams of other services that this service keeps copies of, a file per stream.

mod comment;
mod post;
mod post_counts;
mod user;

use shared::auth::{Accounts, EndedSessions, ended_sessions};
use shared::events::{Projection, Streams};

use crate::db::entities::{comments, counts, posts, users};

/// Registers a consumer for each stream. Applied states of users go to `accounts` as well, and those of ended sessions to
/// `ended`: they decide whose tokens are refused.
pub(crate) fn register(streams: Streams, accounts: Accounts, ended: EndedSessions) -> Streams {
    streams
        .consumer(Projection::<users::Model>::with_memory(accounts))
        .consumer(Projection::<ended_sessions::Model>::with_memory(ended))
        .consumer(Projection::<posts::Model>::new())
        .consumer(Projection::<comments::Model>::new())
        .consumer(Projection::<counts::Model>::new())
}
