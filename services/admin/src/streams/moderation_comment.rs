//! The stream `moderation.comment`: removals and restores of comments, which the service posts applies.

use serde::{Deserialize, Serialize};
use shared::events::{Key, State};

use super::decisions::PublishedDecision;
use crate::db::entities::decisions::Model;
use crate::db::queries::decisions::Recovered;
use crate::domain::target::Kind;

/// The last decision about a comment, as it is published. The id is the comment's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CommentDecision {
    id: i64,
    version: i64,
    removed: bool,
}

impl State for CommentDecision {
    const STREAM: &'static str = "moderation.comment";

    fn key(&self) -> Key {
        self.id.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for CommentDecision {
    fn from(row: Model) -> Self {
        Self { id: row.target_id, version: row.version, removed: row.hidden }
    }
}

impl PublishedDecision for CommentDecision {
    const KIND: Kind = Kind::Comment;

    fn into_recovered(self) -> Recovered {
        let Self { id, version, removed } = self;
        Recovered { target_id: id, version, hidden: removed, until: None, warnings: Vec::new() }
    }
}
