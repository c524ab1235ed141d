//! Reports, the cases that they belong to, and what admins do about them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::target::{Action, Kind};

/// Why somebody reports something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReportReason)]
pub(crate) enum Reason {
    Spam,
    Harassment,
    Hate,
    Violence,
    Nudity,
    Illegal,
    Misinformation,
    Other,
}

impl Reason {
    const ALL: [Self; 8] = [
        Self::Spam,
        Self::Harassment,
        Self::Hate,
        Self::Violence,
        Self::Nudity,
        Self::Illegal,
        Self::Misinformation,
        Self::Other,
    ];

    /// Returns the reason as it is stored and sent.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Spam => "spam",
            Self::Harassment => "harassment",
            Self::Hate => "hate",
            Self::Violence => "violence",
            Self::Nudity => "nudity",
            Self::Illegal => "illegal",
            Self::Misinformation => "misinformation",
            Self::Other => "other",
        }
    }

    /// Returns the reason with this name; `Other` for a name that this version does not know.
    pub(crate) fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name).unwrap_or(Self::Other)
    }
}

/// The end of a report, which is all that its reporter is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ReportOutcome)]
pub(crate) enum Outcome {
    /// An admin has done something about it.
    Acted,
    /// An admin has found nothing against the rules.
    Dismissed,
}

impl Outcome {
    /// Returns the outcome as it is stored and sent.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Acted => "acted",
            Self::Dismissed => "dismissed",
        }
    }

    /// Returns the outcome with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Acted, Self::Dismissed].into_iter().find(|outcome| outcome.as_str() == name)
    }
}

/// The state of a case: open as long as one of its reports is, and otherwise as its last resolution has left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CaseStatus)]
pub(crate) enum Status {
    Open,
    Acted,
    Dismissed,
}

impl Status {
    /// Returns the status as it is stored and sent.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Acted => "acted",
            Self::Dismissed => "dismissed",
        }
    }

    /// Returns the status with this name; `Open` for a name that this version does not know.
    pub(crate) fn named(name: &str) -> Self {
        [Self::Acted, Self::Dismissed].into_iter().find(|status| status.as_str() == name).unwrap_or(Self::Open)
    }
}

/// The actions of an admin on a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DeskAction {
    /// Closes the case without a decision: it was dealt with in another way.
    Resolve,
    /// Closes the case: nothing is against the rules.
    Dismiss,
    /// Removes the post or comment.
    Remove,
    /// Blocks the author, or the person.
    Block,
    /// Warns the author, or the person, who reads the reason.
    Warn,
}

impl DeskAction {
    const ALL: [Self; 5] = [Self::Resolve, Self::Dismiss, Self::Remove, Self::Block, Self::Warn];

    /// Returns the action as it is stored and sent.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Dismiss => "dismiss",
            Self::Remove => "remove",
            Self::Block => "block",
            Self::Warn => "warn",
        }
    }

    /// Returns the action with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }

    /// Returns how the reports end.
    pub(crate) fn outcome(self) -> Outcome {
        if self == Self::Dismiss { Outcome::Dismissed } else { Outcome::Acted }
    }

    /// Returns the status of the case afterwards.
    pub(crate) fn status(self) -> Status {
        if self == Self::Dismiss { Status::Dismissed } else { Status::Acted }
    }

    /// Returns the decision that the action consists of; `None` for an action without one.
    pub(crate) fn decision(self) -> Option<Action> {
        match self {
            Self::Resolve | Self::Dismiss => None,
            Self::Remove => Some(Action::Remove),
            Self::Block => Some(Action::Block),
            Self::Warn => Some(Action::Warn),
        }
    }
}

/// Something that is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Reported {
    pub(crate) kind: Kind,
    pub(crate) id: i64,
}

/// A report as somebody sends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewReport {
    pub(crate) target: Reported,
    pub(crate) reason: Reason,
    /// The reporter's words, up to 1 000 characters.
    pub(crate) note: Option<String>,
}
