//! The write by which a person hears of somebody again.

use shared::events;
use shared::ids::UserId;
use shared::work::Db;

use crate::db::queries::mutes;
use crate::error::Error;

/// Ends the mute of `muted` by `person`, visible or not.
///
/// # Errors
/// [`Error::MuteNotFound`] when there is no active mute; [`Error::Db`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn unmute(db: &Db, person: UserId, muted: UserId) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    let mute = mutes::deactivate(&tx, person, muted).await?.ok_or(Error::MuteNotFound)?;
    events::remember(&mut tx, &[mute]);
    Ok(tx.commit().await?)
}
