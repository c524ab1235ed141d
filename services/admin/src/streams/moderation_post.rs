//! The stream `moderation.post`: removals and restores of posts, which the service posts applies.

use serde::{Deserialize, Serialize};
use shared::events::{Key, State};

use super::decisions::PublishedDecision;
use crate::db::entities::decisions::Model;
use crate::db::queries::decisions::Recovered;
use crate::domain::target::Kind;

/// The last decision about a post, as it is published. The id is the post's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PostDecision {
    id: i64,
    version: i64,
    removed: bool,
}

impl State for PostDecision {
    const STREAM: &'static str = "moderation.post";

    fn key(&self) -> Key {
        self.id.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for PostDecision {
    fn from(row: Model) -> Self {
        Self { id: row.target_id, version: row.version, removed: row.hidden }
    }
}

impl PublishedDecision for PostDecision {
    const KIND: Kind = Kind::Post;

    fn into_recovered(self) -> Recovered {
        let Self { id, version, removed } = self;
        Recovered { target_id: id, version, hidden: removed, until: None, warnings: Vec::new() }
    }
}
