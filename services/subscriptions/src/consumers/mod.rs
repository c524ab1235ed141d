//! The streams of other services that this service keeps copies of, a file per stream.

mod comment;
mod like;
mod moderation_user;
mod post;
mod post_counts;
mod report_outcome;
mod user;

use shared::auth::{Accounts, EndedSessions, ended_sessions};
use shared::events::{Projection, Streams};

use crate::db::entities::{comments, counts, likes, moderated_people, posts, report_outcomes, users};
use crate::memory::feed::FeedMemory;

/// Registers a consumer for each stream. Applied states go to the memory as well: those of users to `accounts` and
/// those of ended sessions to `ended`, which decide whose tokens are refused, and those of posts and counters to `feed`.
pub(crate) fn register(streams: Streams, feed: FeedMemory, accounts: Accounts, ended: EndedSessions) -> Streams {
    streams
        .consumer(Projection::<users::Model>::with_memory(accounts))
        .consumer(Projection::<ended_sessions::Model>::with_memory(ended))
        .consumer(Projection::<posts::Model>::with_memory(feed.clone()))
        .consumer(Projection::<counts::Model>::with_memory(feed))
        .consumer(Projection::<comments::Model>::new())
        .consumer(Projection::<likes::Model>::new())
        .consumer(Projection::<moderated_people::Model>::new())
        .consumer(Projection::<report_outcomes::Model>::new())
}
