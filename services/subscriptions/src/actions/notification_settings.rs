//! The writes of a person's choices about notifications: the marker of what was read, and the muted kinds.

use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::work::Db;

use crate::db::queries::notification_settings;
use crate::domain::notices::Kind;
use crate::error::Error;

/// Moves the marker of a person forward to `up_to`, but not into the future. Returns the time up to which the person
/// has read.
///
/// # Errors
/// [`Error::Db`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn mark_read(db: &Db, person: UserId, up_to: Timestamp) -> Result<Timestamp, Error> {
    let tx = db.begin().await?;
    // A marker in the future would hide what is still to come.
    let up_to = up_to.min(tx.clock().now());
    notification_settings::move_marker(&tx, person, up_to).await?;
    let settings = notification_settings::find(&*tx, person).await?;
    tx.commit().await?;
    Ok(settings.read_up_to.unwrap_or(up_to))
}

/// Replaces the kinds of notifications that a person does not want.
///
/// # Errors
/// [`Error::Db`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn mute_kinds(db: &Db, person: UserId, muted: &[Kind]) -> Result<(), Error> {
    let tx = db.begin().await?;
    notification_settings::mute_kinds(&tx, person, muted).await?;
    Ok(tx.commit().await?)
}
