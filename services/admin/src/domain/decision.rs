//! A decision of an admin, and the outcome that the audit log keeps of it.

use shared::clock::Timestamp;
use shared::ids::{NOBODY, UserId};

use super::target::{Action, Kind};

/// A decision as an admin asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decision {
    /// The kind of the target.
    pub(crate) kind: Kind,
    /// The target's id, unique within its kind.
    pub(crate) target_id: i64,
    /// The change that is asked for.
    pub(crate) action: Action,
    /// The admin's reason, up to 500 characters.
    pub(crate) reason: Option<String>,
    /// The time at which a block ends; `None` without an end, and for other actions.
    pub(crate) until: Option<Timestamp>,
    /// The id of the request that carried the decision, by which log lines are found.
    pub(crate) request_id: String,
}

/// The one who decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Actor {
    pub(crate) id: UserId,
    pub(crate) username: String,
}

impl Actor {
    /// Returns the actor that ends blocks at their time. No username has brackets.
    pub(crate) fn timer() -> Self {
        Self { id: UserId(NOBODY), username: "(timer)".to_owned() }
    }
}

/// The outcome of a decision in the audit log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The decision is in force, from now on or already before.
    Done,
    /// The target does not exist, or its author has deleted it.
    NotFound,
}

impl Outcome {
    /// Returns the outcome as it is stored.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotFound => "not_found",
        }
    }
}
