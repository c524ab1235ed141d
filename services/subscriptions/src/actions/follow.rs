//! Following somebody.

use shared::events;
use shared::ids::UserId;
use shared::work::Db;

use crate::db::queries::{subscriptions, users};
use crate::error::Error;

/// Lets `follower` follow `followee` from now on.
///
/// # Errors
/// [`Error::Oneself`] when both are the same person, [`Error::UserNotFound`] when the followee is not visible, and
/// [`Error::AlreadySubscribed`] when the subscription is active already.
pub(crate) async fn follow(db: &Db, follower: UserId, followee: UserId) -> Result<(), Error> {
    if follower == followee {
        return Err(Error::Oneself);
    }
    let mut tx = db.begin().await?;
    if !users::is_visible(&*tx, followee).await? {
        return Err(Error::UserNotFound);
    }
    let subscription = subscriptions::activate(&tx, follower, followee).await?.ok_or(Error::AlreadySubscribed)?;
    // No other service consumes subscriptions, so the state goes to the memory of this service's replicas only.
    events::remember(&mut tx, &[subscription]);
    Ok(tx.commit().await?)
}
