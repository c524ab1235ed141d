//! The states that this service owns: none. It is a pure projection and publishes nothing, but a restore has to know
//! which ids its copies hold.

use shared::events::Streams;

use crate::db::entities::{counts, likes, posts, users};

/// Registers the columns that hold ids of other services' aggregates. After a restore their owner continues ids above
/// the highest that anybody knows.
pub(crate) fn register(streams: Streams) -> Streams {
    streams
        .references("user", users::Column::Id)
        .references("user", posts::Column::AuthorId)
        .references("user", likes::Column::UserId)
        .references("post", posts::Column::Id)
        .references("post", counts::Column::Id)
        .references("post", likes::Column::PostId)
}
