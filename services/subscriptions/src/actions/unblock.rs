//! The write by which a person ends the block of somebody.

use shared::events;
use shared::http::IdempotencyKey;
use shared::http::idempotency::Answer;
use shared::ids::UserId;
use shared::work::Db;

use crate::answers::BlockChanged;
use crate::db::queries::personal_blocks;
use crate::error::Error;

/// Ends the block of `blocked` by `person`, visible or not. The subscriptions that the block has ended stay ended.
///
/// # Errors
/// [`Error::BlockNotFound`] when there is no active block; [`Error::Db`], [`Error::Publish`] or [`Error::Commit`] when the
/// transaction fails.
pub(crate) async fn unblock(db: &Db, key: IdempotencyKey, person: UserId, blocked: UserId) -> Result<Answer, Error> {
    key.write_once(db, person, &[], async |tx| {
        let block = personal_blocks::end(tx, person, blocked).await?.ok_or(Error::BlockNotFound)?;
        events::publish(tx, &[block])?;
        Ok(BlockChanged::unblocked(blocked))
    })
    .await
}
