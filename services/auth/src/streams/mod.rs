//! The streams that this service publishes, a file each.

pub(crate) mod user;

use shared::events::{State, Streams};

use crate::db::entities::users;
use user::{UserSource, UserState};

/// Adds every published stream, with the columns that a restore needs: the one that holds the versions, and the one
/// that holds the ids.
pub(crate) fn register(streams: Streams) -> Streams {
    streams.source(UserSource).versions(users::Column::Version).sequence(UserState::STREAM, users::Column::Id)
}
