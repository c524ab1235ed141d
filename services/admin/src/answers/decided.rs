//! The response to a decision.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::decision::Decision;

/// A decision that was made. It is durable; the owner applies it a moment later.
#[derive(Serialize, ToSchema)]
pub(crate) struct Decided {
    /// What was decided.
    #[schema(example = "User 7 blocked")]
    message: String,
}

impl Decided {
    /// Builds the confirmation of a decision.
    pub(crate) fn of(decision: &Decision) -> Self {
        let Decision { kind, target_id, action, .. } = decision;
        Self { message: format!("{} {target_id} {}", kind.title(), action.participle()) }
    }
}
