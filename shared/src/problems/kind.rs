//! The form of an entry in the list of problems, and advice that many entries share.

/// A kind of problem.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The stable name, in snake case.
    pub code: &'static str,
    /// The HTTP statuses that it comes with.
    pub statuses: &'static [u16],
    /// A short name for people. It is the same in every answer with this code (RFC 9457, section 3.1.3).
    pub title: &'static str,
    /// The meaning, in full sentences.
    pub meaning: &'static str,
    /// The advice to the author of a client, in full sentences.
    pub advice: &'static str,
}

/// Builds an entry of the list.
pub(super) const fn kind(
    code: &'static str,
    statuses: &'static [u16],
    title: &'static str,
    meaning: &'static str,
    advice: &'static str,
) -> Kind {
    Kind { code, statuses, title, meaning, advice }
}

/// The advice for what passes.
pub(super) const LATER: &str =
    "Repeat the request after the number of seconds in the header Retry-After. Nothing was stored.";
/// The advice for a write whose outcome is unknown.
pub(super) const LOOK: &str = "Read the state that the request should have changed before you repeat it, or repeat it with the same \
                    Idempotency-Key where the operation takes one.";
/// The advice for a request that is wrong.
pub(super) const SYNTAX: &str = "Correct the request. Repeating it as it is gives the same answer.";
/// The advice for a token that is not valid.
pub(super) const LOG_IN: &str = "Get a new access token by POST /auth/refresh, or let the person log in again.";
