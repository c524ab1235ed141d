//! The stream `moderation.user`: blocks and unblocks of people, which the service auth applies.

use serde::{Deserialize, Serialize};
use shared::events::{Key, State};

use super::decisions::PublishedDecision;
use crate::db::entities::decisions::Model;
use crate::domain::target::Kind;

/// The last decision about a person, as it is published. The id is the person's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct UserDecision {
    id: i64,
    version: i64,
    blocked: bool,
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
        Self { id: row.target_id, version: row.version, blocked: row.hidden }
    }
}

impl PublishedDecision for UserDecision {
    const KIND: Kind = Kind::User;

    fn hides(&self) -> bool {
        self.blocked
    }
}
