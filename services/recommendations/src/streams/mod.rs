//! The service only keeps copies. It publishes nothing but that its copies hold nothing of a person who has left, and a
//! restore has to know which ids the copies hold.

pub(crate) mod erasure_done;

use shared::auth::{ended_sessions, personal_blocks};
use shared::erasure;
use shared::events::Streams;

use crate::db::entities::{counts, likes, posts, users};

/// Registers the columns that hold ids of other services' aggregates. After a restore, the owner of these aggregates
/// assigns new ids above the highest id that any service knows.
pub(crate) fn register(streams: Streams) -> Streams {
    erasure::register::<erasure_done::ErasureDone>(streams)
        .references("user", users::Column::Id)
        .references("session_end", ended_sessions::Column::Id)
        .references("user", posts::Column::AuthorId)
        .references("user", likes::Column::UserId)
        .references("user", personal_blocks::Column::UserId)
        .references("user", personal_blocks::Column::BlockedId)
        .references("post", posts::Column::Id)
        .references("post", counts::Column::Id)
        .references("post", likes::Column::PostId)
}
