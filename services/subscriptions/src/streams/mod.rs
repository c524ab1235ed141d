//! The states that this service owns. Subscriptions are not published, because no other service consumes them; they
//! only reach the memory of its own replicas.

pub(crate) mod erasure_done;

use shared::auth::ended_sessions;
use shared::erasure;
use shared::events::{Key, State, Streams};

use crate::db::entities::{counts, posts, subscriptions, users};

impl State for subscriptions::Model {
    const STREAM: &'static str = "subscription";

    fn key(&self) -> Key {
        Key(vec![self.follower_id.0, self.followee_id.0])
    }

    fn version(&self) -> i64 {
        self.version
    }
}

/// Registers the columns that hold versions of this service's aggregates, and those that hold ids of any stream's
/// aggregates. A restore from a backup raises these versions, and assigns new ids above the highest id that is found.
pub(crate) fn register(streams: Streams) -> Streams {
    erasure::register::<erasure_done::ErasureDone>(streams)
        .versions(subscriptions::Column::Version)
        .references("user", subscriptions::Column::FollowerId)
        .references("user", subscriptions::Column::FolloweeId)
        .references("user", users::Column::Id)
        .references("session_end", ended_sessions::Column::Id)
        .references("user", posts::Column::AuthorId)
        .references("post", posts::Column::Id)
        .references("post", counts::Column::Id)
}
