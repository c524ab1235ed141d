//! The write by which a person mutes somebody.

use shared::events;
use shared::http::IdempotencyKey;
use shared::http::idempotency::Answer;
use shared::ids::UserId;
use shared::work::Db;

use crate::answers::MuteChanged;
use crate::db::queries::{mutes, personal_blocks, users};
use crate::error::Error;

/// The most people whom one person can mute.
const MOST: u64 = 10_000;

/// Makes the mute of `muted` by `person` active. Muting somebody again changes nothing.
///
/// # Errors
/// [`Error::MutesOneself`] when both are the same person; [`Error::UserNotFound`] when the person does not see the other one;
/// [`Error::TooManyMutes`]; [`Error::Db`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn mute(db: &Db, key: IdempotencyKey, person: UserId, muted: UserId) -> Result<Answer, Error> {
    if person == muted {
        return Err(Error::MutesOneself);
    }
    key.write_once(db, person, &[], async |tx| {
        if !users::is_visible(&**tx, muted).await? || personal_blocks::part(&**tx, person, muted).await? {
            return Err(Error::UserNotFound);
        }
        if let Some(mute) = mutes::activate(tx, person, muted).await? {
            if mutes::count(tx, person).await? > MOST {
                return Err(Error::TooManyMutes);
            }
            // The feeds of this person leave the muted person out from now on, on every replica.
            events::remember(tx, &[mute]);
        }
        Ok(MuteChanged::muted(muted))
    })
    .await
}
