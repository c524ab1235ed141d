//! The stream `moderation.user`: blocks and unblocks of people, which the service auth applies, and warnings, of which
//! subscriptions tells the warned people.

use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::events::{Key, State};

use super::decisions::PublishedDecision;
use crate::db::entities::decisions::Model;
use crate::db::queries::decisions::Recovered;
use crate::domain::target::Kind;
use crate::domain::warning::Warning;

/// The last decision about a person, as it is published. The id is the person's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct UserDecision {
    id: i64,
    version: i64,
    blocked: bool,
    /// The time at which the block ends; null without an end. Auth's copy does not keep it.
    #[serde(default)]
    blocked_until: Option<Timestamp>,
    /// The warnings that stand, oldest first. Auth's copy does not keep them.
    #[serde(default)]
    warnings: Vec<Warning>,
}

impl State for UserDecision {
    const STREAM: &'static str = "moderation.user";

    fn key(&self) -> Key {
        self.id.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for UserDecision {
    fn from(row: Model) -> Self {
        Self {
            id: row.target_id,
            version: row.version,
            blocked: row.hidden,
            blocked_until: row.hidden_until,
            warnings: row.warnings.unwrap_or_default().0,
        }
    }
}

impl PublishedDecision for UserDecision {
    const KIND: Kind = Kind::User;

    fn into_recovered(self) -> Recovered {
        Recovered {
            target_id: self.id,
            version: self.version,
            hidden: self.blocked,
            until: self.blocked_until,
            warnings: self.warnings,
        }
    }
}
