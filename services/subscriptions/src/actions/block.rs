//! The write by which a person blocks somebody.

use shared::events;
use shared::ids::UserId;
use shared::work::Db;

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
pub(crate) async fn block(db: &Db, person: UserId, blocked: UserId) -> Result<(), Error> {
    if person == blocked {
        return Err(Error::BlocksOneself);
    }
    let mut tx = db.begin().await?;
    if !users::is_visible(&*tx, blocked).await? {
        return Err(Error::UserNotFound);
    }
    // A subscription that begins meanwhile waits for these locks, or is there before the subscriptions are ended.
    users::lock_both(&tx, person, blocked).await?;
    if let Some(block) = personal_blocks::activate(&tx, person, blocked).await? {
        if personal_blocks::count(&tx, person).await? > MOST {
            return Err(Error::TooManyBlocks);
        }
        events::publish(&mut tx, &[block])?;
        for (follower, followee) in [(person, blocked), (blocked, person)] {
            if let Some(ended) = subscriptions::deactivate(&tx, follower, followee).await? {
                events::remember(&mut tx, &[ended]);
            }
        }
    }
    Ok(tx.commit().await?)
}
