//! Warnings: what admins tell a person about the person's conduct.

use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use utoipa::ToSchema;

/// The most warnings of one person that are kept. A new one then takes the place of the oldest.
pub(crate) const MOST_WARNINGS: usize = 20;

/// A warning, as the warned person reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Warning {
    /// Unique among the warnings of one person: the version of the decision that added it.
    pub(crate) id: i64,
    pub(crate) text: String,
    pub(crate) at: Timestamp,
}
