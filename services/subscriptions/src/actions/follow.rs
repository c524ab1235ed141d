//! The write by which a person begins to follow another one.

use shared::events;
use shared::http::IdempotencyKey;
use shared::http::idempotency::Answer;
use shared::ids::UserId;
use shared::work::Db;

use crate::answers::SubscriptionChanged;
use crate::db::queries::{live_items, personal_blocks, subscriptions, users};
use crate::domain::live::News;
use crate::error::Error;

/// Makes the subscription of `follower` to `followee` active.
///
/// # Errors
/// [`Error::Oneself`] when both are the same person; [`Error::UserNotFound`] when the followee is not visible or blocks
/// the follower; [`Error::Blocks`] when the follower blocks the followee; [`Error::AlreadySubscribed`] when the
/// subscription is active already; [`Error::Db`] or [`Error::Commit`] when the transaction fails.
pub(crate) async fn follow(db: &Db, key: IdempotencyKey, follower: UserId, followee: UserId) -> Result<Answer, Error> {
    if follower == followee {
        return Err(Error::Oneself);
    }
    key.write_once(db, follower, &[], async |tx| {
        // The lock keeps a block between the two away until this subscription is there, so that the block ends it.
        if !users::lock_visible(tx, followee).await? {
            return Err(Error::UserNotFound);
        }
        if personal_blocks::is_active(&**tx, follower, followee).await? {
            return Err(Error::Blocks);
        }
        // To whom is blocked, the person does not exist.
        if personal_blocks::is_active(&**tx, followee, follower).await? {
            return Err(Error::UserNotFound);
        }
        let subscription = subscriptions::activate(tx, follower, followee).await?.ok_or(Error::AlreadySubscribed)?;
        let news = News::of_follow(followee, follower, subscription.created_at);
        // No other service consumes subscriptions, so the state goes to the memory of this service's replicas only.
        events::remember(tx, &[subscription]);
        live_items::append(tx, vec![news]).await?;
        Ok(SubscriptionChanged::subscribed_to(followee))
    })
    .await
}
