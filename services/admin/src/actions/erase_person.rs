//! The erasure of the words about a person who has left, and of the name of an admin who has left.

use async_trait::async_trait;
use shared::erasure::{PersonalData, Step};
use shared::events::ApplyError;
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::queries::{audit, decisions};
use crate::streams::ErasureDone;

/// The data of people that this service owns. Decisions and entries stay, with ids instead of names: they belong to the
/// community and to other admins.
pub(crate) struct PersonalDecisions;

#[async_trait]
impl PersonalData for PersonalDecisions {
    type Stream = ErasureDone;

    async fn erase_some(&self, tx: &mut Tx, user: UserId) -> Result<Step, ApplyError> {
        let reasons = decisions::clear_reasons(tx, user).await?;
        let entries = audit::clear_person(tx, user).await?;
        if reasons + entries == 0 {
            return Ok(Step::Done);
        }
        Ok(Step::Erased(vec![("reasons", reasons), ("audit_entries", entries)]))
    }
}
