//! The write by which a person hears of somebody again.

use shared::events;
use shared::http::IdempotencyKey;
use shared::http::idempotency::Answer;
use shared::ids::UserId;
use shared::work::Db;

use crate::answers::MuteChanged;
use crate::db::queries::mutes;
use crate::error::Error;

/// Ends the mute of `muted` by `person`, visible or not.
///
/// # Errors
/// [`Error::MuteNotFound`] when there is no active mute; [`Error::Db`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn unmute(db: &Db, key: IdempotencyKey, person: UserId, muted: UserId) -> Result<Answer, Error> {
    key.write_once(db, person, &[], async |tx| {
        let mute = mutes::deactivate(tx, person, muted).await?.ok_or(Error::MuteNotFound)?;
        events::remember(tx, &[mute]);
        Ok(MuteChanged::unmuted(muted))
    })
    .await
}
