//! The confirmation that the copies hold nothing of a person who has left. The owners of the data erase it, and their
//! events empty the copies.

use async_trait::async_trait;
use shared::erasure::{PersonalData, Step};
use shared::events::ApplyError;
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::queries::users;
use crate::streams::erasure_done::ErasureDone;

/// The data of people in the copies.
pub(crate) struct CopiedData;

#[async_trait]
impl PersonalData for CopiedData {
    type Stream = ErasureDone;

    async fn erase_some(&self, tx: &mut Tx, user: UserId) -> Result<Step, ApplyError> {
        let is_left = users::has_posts_or_likes(&**tx, user).await?;
        Ok(if is_left { Step::CopiesLeft } else { Step::Done })
    }
}
