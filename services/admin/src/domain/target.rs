//! The targets of decisions: their kinds, the actions on them, and the rule that says which actions a target admits.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A kind of aggregate that admins decide about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TargetKind)]
pub(crate) enum Kind {
    User,
    Post,
    Comment,
}

impl Kind {
    /// Returns the kind as it is stored.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Post => "post",
            Self::Comment => "comment",
        }
    }

    /// Returns the kind with this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::User, Self::Post, Self::Comment].into_iter().find(|kind| kind.as_str() == name)
    }

    /// Returns the kind as the first word of a sentence.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Post => "Post",
            Self::Comment => "Comment",
        }
    }
}

/// A change that an admin decides on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Blocks a person.
    Block,
    /// Lifts the block of a person.
    Unblock,
    /// Hides a post or comment.
    Remove,
    /// Makes a removed post or comment visible again.
    Restore,
    /// Adds a warning of a person.
    Warn,
    /// Takes back the warning of a person with this id.
    Withdraw(i64),
}

impl Action {
    /// Returns the action as the audit log stores it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Unblock => "unblock",
            Self::Remove => "remove",
            Self::Restore => "restore",
            Self::Warn => "warn",
            Self::Withdraw(_) => "withdraw",
        }
    }

    /// Returns the participle that ends the answer's sentence.
    pub(crate) fn participle(self) -> &'static str {
        match self {
            Self::Block => "blocked",
            Self::Unblock => "unblocked",
            Self::Remove => "deleted",
            Self::Restore => "restored",
            Self::Warn => "warned",
            Self::Withdraw(_) => "not warned",
        }
    }
}

/// A target as the copies of its owner's state and the decisions of this service describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// True when the owner's state is a tombstone: the target is deleted, removed or erased.
    pub(crate) is_tombstone: bool,
    /// True when the tombstone says that the author deleted the target, which is final.
    pub(crate) is_deleted_by_author: bool,
    /// True when the last decision hides the target.
    pub(crate) is_hidden: bool,
}

impl Target {
    /// Returns whether an admin can take this action on the target. If not, the target counts as not found.
    pub(crate) fn admits(self, action: Action) -> bool {
        if self.is_deleted_by_author {
            return false;
        }
        match action {
            Action::Restore => self.is_hidden,
            Action::Warn | Action::Withdraw(_) => !self.is_tombstone,
            // A tombstone without a decision that hides the target is the owner's own deletion. With such a decision
            // the tombstone may be the removal.
            Action::Block | Action::Unblock | Action::Remove => !self.is_tombstone || self.is_hidden,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_s_deletion_is_final_and_only_a_removal_can_be_undone() {
        let target = |is_tombstone, is_deleted_by_author, is_hidden| {
            let target = Target { is_tombstone, is_deleted_by_author, is_hidden };
            (target.admits(Action::Remove), target.admits(Action::Restore))
        };
        assert_eq!(target(false, false, false), (true, false), "nothing happened to it yet");
        assert_eq!(target(false, false, true), (true, true), "the owner has not applied the removal yet");
        assert_eq!(target(true, false, true), (true, true), "removed");
        assert_eq!(target(true, false, false), (false, false), "deleted without a decision");
        assert_eq!(target(true, true, true), (false, false), "removed, then deleted by its author");
    }
}
