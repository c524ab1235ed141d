//! The write by which a person blocks somebody.

use shared::events;
use shared::http::IdempotencyKey;
use shared::http::idempotency::Answer;
use shared::ids::UserId;
use shared::work::Db;

use crate::answers::BlockChanged;
use crate::db::queries::{personal_blocks, subscriptions, users};
use crate::error::Error;

/// The most people whom one person can block.
const MOST: u64 = 10_000;

/// Begins the block of `blocked` by `person`, and ends the subscriptions of both to each other. Blocking somebody again
/// changes nothing.
///
/// # Errors
/// [`Error::BlocksOneself`] when both are the same person; [`Error::UserNotFound`] when the other person is not visible;
/// [`Error::TooManyBlocks`]; [`Error::Db`], [`Error::Publish`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn block(db: &Db, key: IdempotencyKey, person: UserId, blocked: UserId) -> Result<Answer, Error> {
    if person == blocked {
        return Err(Error::BlocksOneself);
    }
    key.write_once(db, person, &[], async |tx| {
        if !users::is_visible(&**tx, blocked).await? {
            return Err(Error::UserNotFound);
        }
        // A subscription that begins meanwhile waits for these locks, or is there before the subscriptions are ended.
        users::lock_both(tx, person, blocked).await?;
        if let Some(block) = personal_blocks::activate(tx, person, blocked).await? {
            if personal_blocks::count(tx, person).await? > MOST {
                return Err(Error::TooManyBlocks);
            }
            events::publish(tx, &[block])?;
            for (follower, followee) in [(person, blocked), (blocked, person)] {
                if let Some(ended) = subscriptions::deactivate(tx, follower, followee).await? {
                    events::remember(tx, &[ended]);
                }
            }
        }
        Ok(BlockChanged::blocked(blocked))
    })
    .await
}
