//! The write by which a person stops following another one.

use shared::events;
use shared::ids::UserId;
use shared::work::Db;

use crate::db::queries::subscriptions;
use crate::error::Error;

/// Ends the subscription of `follower` to `followee`. The followee need not be visible: people must be able to unfollow
/// somebody who has been blocked.
///
/// # Errors
/// [`Error::SubscriptionNotFound`] when there is no active subscription; [`Error::Db`] or [`Error::Commit`] when the
/// transaction fails.
pub(crate) async fn unfollow(db: &Db, follower: UserId, followee: UserId) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    let subscription = subscriptions::deactivate(&tx, follower, followee).await?.ok_or(Error::SubscriptionNotFound)?;
    events::remember(&mut tx, &[subscription]);
    Ok(tx.commit().await?)
}
