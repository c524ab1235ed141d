//! The writes of a person's choices about notifications: the marker of what was read, and the muted kinds.

use shared::clock::Timestamp;
use shared::http::IdempotencyKey;
use shared::http::idempotency::Answer;
use shared::ids::UserId;
use shared::work::Db;

use crate::answers::{MarkedRead, NotificationSettings};
use crate::db::queries::notification_settings;
use crate::domain::notices::Kind;
use crate::error::Error;

/// Moves the marker of a person forward to `up_to`, but not into the future. The answer is the time up to which the
/// person has read.
///
/// # Errors
/// [`Error::Db`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn mark_read(db: &Db, key: IdempotencyKey, person: UserId, up_to: Timestamp) -> Result<Answer, Error> {
    let sent = up_to.to_string();
    key.write_once(db, person, &[sent.as_bytes()], async |tx| {
        // A marker in the future would hide what is still to come.
        let up_to = up_to.min(tx.clock().now());
        notification_settings::move_marker(tx, person, up_to).await?;
        let settings = notification_settings::find(&**tx, person).await?;
        Ok(MarkedRead { read_up_to: settings.read_up_to.unwrap_or(up_to) })
    })
    .await
}

/// Replaces the kinds of notifications that a person does not want.
///
/// # Errors
/// [`Error::Db`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn mute_kinds(db: &Db, key: IdempotencyKey, person: UserId, muted: &[Kind]) -> Result<Answer, Error> {
    let sent: Vec<&[u8]> = muted.iter().map(|kind| kind.name().as_bytes()).collect();
    key.write_once(db, person, &sent, async |tx| {
        notification_settings::mute_kinds(tx, person, muted).await?;
        let settings = notification_settings::find(&**tx, person).await?;
        Ok(NotificationSettings { muted: settings.muted, read_up_to: settings.read_up_to })
    })
    .await
}
