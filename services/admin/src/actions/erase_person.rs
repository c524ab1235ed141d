//! The erasure of the words of and about a person who has left, and of the name of an admin who has left.

use async_trait::async_trait;
use shared::erasure::{PersonalData, Step};
use shared::events::ApplyError;
use shared::http::idempotency;
use shared::ids::UserId;
use shared::work::Tx;

use super::decide::publish;
use crate::db::queries::{audit, cases, contents, decisions, reports, targets};
use crate::domain::target::Kind;
use crate::streams::ErasureDone;

/// The data of people that this service owns. Decisions, entries and reports stay, with ids instead of names and without
/// words: they belong to the community and to other admins.
pub(crate) struct PersonalDecisions;

#[async_trait]
impl PersonalData for PersonalDecisions {
    type Stream = ErasureDone;

    async fn erase_some(&self, tx: &mut Tx, user: UserId) -> Result<Step, ApplyError> {
        idempotency::forget_person(tx, user).await?;
        // In the order in which all writes lock: cases, the copy of the target, and then the rest.
        let about = cases::lock_about(tx, user).await?;
        targets::lock(tx, Kind::User, user.0).await?;
        let mut reasons = cases::clear_reasons(tx, user).await?;
        let mut entries = audit::clear_person(tx, user).await?;
        for kind in [Kind::User, Kind::Post, Kind::Comment] {
            let of_kind = about.iter().filter(|case| case.target_kind == kind.as_str()).map(|case| case.target_id);
            // A decision about the person may have been made without a case.
            let targets: Vec<i64> = of_kind.chain((kind == Kind::User).then_some(user.0)).collect();
            if !targets.is_empty() {
                reasons += decisions::clear_reasons(tx, kind, targets.clone()).await?;
                entries += audit::clear_reasons(tx, kind, targets).await?;
            }
        }
        let reports = reports::clear_person(tx, user).await?;
        let warnings = withdraw_warnings(tx, user).await?;
        if reports + reasons + entries + warnings == 0 {
            let is_left = contents::has_any_of(&**tx, user).await?;
            return Ok(if is_left { Step::CopiesLeft } else { Step::Done });
        }
        let counts = [("reasons", reasons), ("audit_entries", entries), ("reports", reports), ("warnings", warnings)];
        Ok(Step::Erased(counts.to_vec()))
    }
}

/// Withdraws all warnings of a person, which is the next version of the decision. Returns their number.
async fn withdraw_warnings(tx: &mut Tx, user: UserId) -> Result<i64, ApplyError> {
    let current = targets::lock(tx, Kind::User, user.0).await?.and_then(|(_, decision)| decision);
    let Some(mut row) = current.filter(|row| row.warnings.is_some()) else { return Ok(0) };
    let warnings = row.warnings.take().unwrap_or_default().0.len();
    row.version += 1;
    decisions::store(tx, row.clone()).await?;
    publish(tx, Kind::User, row)?;
    Ok(i64::try_from(warnings).unwrap_or(i64::MAX))
}
