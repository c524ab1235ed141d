//! The erasure of the subscriptions, blocks, mutes and settings of a person who has left.

use async_trait::async_trait;
use shared::erasure::{PersonalData, Step};
use shared::events::{self, ApplyError};
use shared::http::idempotency;
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::queries::personal_blocks::{self, Role};
use crate::db::queries::subscriptions::{self, Side};
use crate::db::queries::{comments, feed, likes, live_items, moderation, mutes, notification_settings};
use crate::streams::erasure_done::ErasureDone;

/// The most subscriptions that one step erases.
const PAGE: u64 = 200;

/// The data of people that this service owns.
pub(crate) struct PersonalSubscriptions;

#[async_trait]
impl PersonalData for PersonalSubscriptions {
    type Stream = ErasureDone;

    async fn erase_some(&self, tx: &mut Tx, user: UserId) -> Result<Step, ApplyError> {
        idempotency::forget_person(tx, user).await?;
        for (side, kind) in [(Side::Following, "following"), (Side::Followers, "followers")] {
            let ended = subscriptions::deactivate_some(tx, side, user, PAGE).await?;
            if !ended.is_empty() {
                events::remember(tx, &ended);
                return Ok(Step::Erased(vec![(kind, ended.len() as i64)]));
            }
        }
        for role in [Role::Blocker, Role::Blocked] {
            let ended = personal_blocks::end_some(tx, role, user, PAGE).await?;
            if !ended.is_empty() {
                events::publish(tx, &ended)?;
                // The receipt must not tell the person by how many others the person was blocked.
                let own = if role == Role::Blocker { vec![("blocks", ended.len() as i64)] } else { Vec::new() };
                return Ok(Step::Erased(own));
            }
        }
        let muted = mutes::delete_all(tx, user).await?;
        if !muted.is_empty() {
            events::remember(tx, &muted);
            return Ok(Step::Erased(vec![("mutes", muted.len() as i64)]));
        }
        notification_settings::erase(tx, user).await?;
        live_items::erase(tx, user).await?;
        let is_left = feed::has_posts_of(&**tx, user).await?
            || comments::has_any_of(&**tx, user).await?
            || likes::has_any_of(&**tx, user).await?
            || moderation::has_warnings(&**tx, user).await?;
        Ok(if is_left { Step::CopiesLeft } else { Step::Done })
    }
}
