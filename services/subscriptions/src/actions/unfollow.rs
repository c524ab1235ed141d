//! The write by which a person stops following another one.

use shared::events;
use shared::http::IdempotencyKey;
use shared::http::idempotency::Answer;
use shared::ids::UserId;
use shared::work::Db;

use crate::answers::SubscriptionChanged;
use crate::db::queries::subscriptions;
use crate::error::Error;

/// Ends the subscription of `follower` to `followee`. The followee need not be visible: people must be able to unfollow
/// somebody who has been blocked.
///
/// # Errors
/// [`Error::SubscriptionNotFound`] when there is no active subscription; [`Error::Request`] for a bad repetition;
/// [`Error::Db`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn unfollow(
    db: &Db,
    key: IdempotencyKey,
    follower: UserId,
    followee: UserId,
) -> Result<Answer, Error> {
    key.write_once(db, follower, &[], async |tx| {
        let subscription =
            subscriptions::deactivate(tx, follower, followee).await?.ok_or(Error::SubscriptionNotFound)?;
        events::remember(tx, &[subscription]);
        Ok(SubscriptionChanged::unsubscribed_from(followee))
    })
    .await
}
