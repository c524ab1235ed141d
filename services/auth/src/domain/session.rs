//! The lifetime of sessions and of the refresh tokens in them.

use std::time::Duration;

use shared::clock::Timestamp;

/// The time within which the second step of a login must follow the first, and a browser's answer about a passkey its
/// request.
pub(crate) const STEP_WITHIN: Duration = Duration::from_secs(5 * 60);

/// The time for which an access token is accepted.
pub(crate) const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(600);
/// The time for which the end of a session is sent to copies that are filled anew. It is longer than any service
/// accepts a token of the session, even with a wrong clock.
pub(crate) const END_RETENTION: Duration = Duration::from_secs(3_600);
/// Twice the tolerance of a service for the clock of this one, because one replica may issue a token right after
/// another one has ended its session.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);
/// The longest life of a session, counted from the login.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(90 * 86_400);
/// The longest time that a session may go without a refresh.
const MAX_IDLE: Duration = Duration::from_secs(30 * 86_400);
/// The time for which a used refresh token may be presented again: other tabs refresh at the same moment, and an answer
/// can be lost on the way.
const REPEAT_WINDOW: Duration = Duration::from_secs(10);

/// True when a session is too old, or its newest token was issued too long ago.
pub(crate) fn has_expired(opened_at: Timestamp, token_issued_at: Timestamp, now: Timestamp) -> bool {
    now.since(opened_at) >= MAX_AGE || now.since(token_issued_at) >= MAX_IDLE
}

/// Returns the time after which no service accepts any access token of a session that ended at `ended_at`.
pub(crate) fn last_token_expires_at(ended_at: Timestamp) -> Timestamp {
    ended_at + ACCESS_TOKEN_LIFETIME + CLOCK_TOLERANCE
}

/// Returns two times. A session has not expired when it was opened after the first, and opened or last used after the
/// second.
pub(crate) fn alive_since(now: Timestamp) -> (Timestamp, Timestamp) {
    (now - MAX_AGE, now - MAX_IDLE)
}

/// True while a refresh token that was used at `used_at` may be presented again. A later use counts as theft.
pub(crate) fn may_repeat(used_at: Timestamp, now: Timestamp) -> bool {
    now.since(used_at) <= REPEAT_WINDOW
}

#[cfg(test)]
mod tests {
    use shared::clock::Clock;

    use super::*;

    #[test]
    fn a_session_ends_by_its_age_and_by_its_rest() {
        let opened = Clock::system().now();
        let day = Duration::from_secs(86_400);
        assert!(!has_expired(opened, opened, opened + day * 29));
        assert!(has_expired(opened, opened, opened + day * 30));
        assert!(!has_expired(opened, opened + day * 80, opened + day * 89));
        assert!(has_expired(opened, opened + day * 80, opened + day * 90));
    }

    #[test]
    fn a_used_token_may_come_again_for_ten_seconds() {
        let used = Clock::system().now();
        assert!(may_repeat(used, used + Duration::from_secs(10)));
        assert!(!may_repeat(used, used + Duration::from_secs(11)));
    }
}
