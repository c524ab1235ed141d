//! The purposes of links in mails, their addresses, and the time for which each is valid.

use std::time::Duration;

/// The time within which a new account must be verified. After it, the account and its username are free again.
pub(crate) const VERIFY_WITHIN: Duration = Duration::from_secs(24 * 3_600);

/// The time for which a link that resets a password is valid.
const RESET_WITHIN: Duration = Duration::from_secs(30 * 60);
/// The time within which a new address must be confirmed.
const CONFIRM_WITHIN: Duration = Duration::from_secs(24 * 3_600);
/// The time within which the owner of an account's previous address can undo the change.
const UNDO_WITHIN: Duration = Duration::from_secs(7 * 24 * 3_600);
/// The number of codes that may be tried for one mail. With six digits, a stranger who uses all of them guesses right
/// once in 200 000 mails, and few mails are sent to one mailbox.
pub(crate) const MAX_GUESSES: i64 = 5;

/// The purpose of a link. A token is valid for the purpose that it was sent for, and for no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Verifies the address of a new account.
    Verification,
    /// Replaces a forgotten password.
    PasswordReset,
    /// Confirms a new address of an account.
    EmailChange,
    /// Gives an account the address back that it had before a change.
    EmailUndo,
}

impl Purpose {
    const ALL: [Self; 4] = [Self::Verification, Self::PasswordReset, Self::EmailChange, Self::EmailUndo];

    /// Returns the name of the purpose in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Verification => "verification",
            Self::PasswordReset => "password_reset",
            Self::EmailChange => "email_change",
            Self::EmailUndo => "email_undo",
        }
    }

    /// Finds a purpose by its name in the database.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }

    /// Returns the path of the link, up to the token.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Verification => "/auth/verify/",
            Self::PasswordReset => "/auth/password/reset/",
            Self::EmailChange => "/auth/email/confirm/",
            Self::EmailUndo => "/auth/email/undo/",
        }
    }

    /// Returns the time for which a new link is valid.
    pub(crate) fn validity(self) -> Duration {
        match self {
            Self::Verification => VERIFY_WITHIN,
            Self::PasswordReset => RESET_WITHIN,
            Self::EmailChange => CONFIRM_WITHIN,
            Self::EmailUndo => UNDO_WITHIN,
        }
    }

    /// Returns the purpose and the token of a link. `None` when it does not lead to this service.
    fn of_link(link: &str) -> Option<(Self, &str)> {
        Self::ALL.into_iter().find_map(|purpose| Some((purpose, link.rsplit_once(purpose.path())?.1)))
    }
}

/// Returns the purposes and tokens of all links in the text of a mail. Each link stands on a line of its own.
pub(crate) fn links_in(text: &str) -> impl Iterator<Item = (Purpose, &str)> {
    text.lines().filter(|line| line.starts_with("http")).filter_map(Purpose::of_link)
}
