//! What a decision can be about.

/// A kind of aggregate that admins decide about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Post,
    Comment,
}

impl Kind {
    /// As it is stored.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Post => "post",
            Self::Comment => "comment",
        }
    }

    /// At the beginning of a sentence.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Post => "Post",
            Self::Comment => "Comment",
        }
    }
}

/// What an admin decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Block a person.
    Block,
    /// Let a person back in.
    Unblock,
    /// Hide a post or comment.
    Remove,
    /// Show it again.
    Restore,
}

impl Action {
    /// As it is logged.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Unblock => "unblock",
            Self::Remove => "remove",
            Self::Restore => "restore",
        }
    }

    /// How the answer puts it.
    pub(crate) fn done(self) -> &'static str {
        match self {
            Self::Block => "blocked",
            Self::Unblock => "unblocked",
            Self::Remove => "deleted",
            Self::Restore => "restored",
        }
    }

    /// Whether the target is hidden afterwards.
    pub(crate) fn hides(self) -> bool {
        matches!(self, Self::Block | Self::Remove)
    }
}
