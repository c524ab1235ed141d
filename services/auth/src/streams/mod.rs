//! The streams that this service publishes, one file for each.

pub(crate) mod session_end;
pub(crate) mod user;

use shared::auth::personal_blocks;
use shared::clock::Clock;
use shared::events::{State, Streams};

use crate::db::entities::{confirmations, erased_users, receipts, sessions, users};
use session_end::{SessionEndSource, SessionEndState};
use user::{UserSource, UserState};

/// Adds every published stream, with the columns that a restore needs: the columns with versions and the columns with
/// ids.
pub(crate) fn register(streams: Streams, clock: Clock) -> Streams {
    streams
        .source(UserSource)
        .source(SessionEndSource { clock })
        .versions(users::Column::Version)
        .sequence(UserState::STREAM, users::Column::Id)
        .sequence(SessionEndState::STREAM, sessions::Column::Id)
        .versions(erased_users::Column::Version)
        .references(UserState::STREAM, erased_users::Column::Id)
        .references(UserState::STREAM, personal_blocks::Column::UserId)
        .references(UserState::STREAM, personal_blocks::Column::BlockedId)
        .references(UserState::STREAM, receipts::Column::UserId)
        .references(UserState::STREAM, confirmations::Column::UserId)
}
