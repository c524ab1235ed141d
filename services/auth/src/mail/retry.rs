//! The decision about a mail that was not sent: when it is tried again, or that it is parked (ADR 18).
//!
//! A mail must not be lost without a person being told, and must not arrive again and again. So refusals by the server
//! park a mail only when there are several in a row over at least an hour, and a mail that may have arrived is repeated
//! once.

use std::time::Duration;

use shared::clock::Timestamp;

use super::smtp::Failure;
use crate::db::entities::mail_jobs::Model;
use crate::db::queries::mail_jobs::FailedTry;

/// The time for which a mail is tried. A verification link has expired by then too.
pub(super) const GIVE_UP_AFTER: Duration = Duration::from_secs(24 * 3_600);
/// The number of times that the text of a mail may be sent without an answer. After them the mail is parked.
pub(super) const MAX_UNSETTLED: i64 = 2;

/// The number of refusals in a row after which a mail is parked, if they span [`MIN_REFUSED_TIME`]. One refusal is not
/// enough, because servers that are not set up yet, or whose disk is full, answer 5xx too.
const MAX_REFUSALS: i64 = 4;
/// The time that must lie between the first refusal and the one that parks a mail.
const MIN_REFUSED_TIME: Duration = Duration::from_secs(3_600);

/// The longest pause between two tries of a mail.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The longest pause between two tries of a mail that was refused.
const LONGEST_REFUSED_PAUSE: Duration = Duration::from_secs(1_800);
/// The pause before a mail that the server may have is sent once more.
const UNSETTLED_PAUSE: Duration = Duration::from_secs(30);

/// Decides what becomes of a mail after a failed try.
pub(super) fn judge(job: &Model, failure: Failure, now: Timestamp) -> FailedTry {
    let unchanged = |reason| FailedTry {
        reason,
        next_try_at: None,
        refusals: job.refusals,
        refused_since: job.refused_since,
        unsettled: job.unsettled,
    };
    match failure {
        Failure::Refused(reason) => {
            let (refusals, since) = (job.refusals + 1, job.refused_since.unwrap_or(now));
            let is_final = refusals >= MAX_REFUSALS && now.since(since) >= MIN_REFUSED_TIME;
            let next_try_at = (!is_final).then(|| now + refused_pause(refusals));
            FailedTry { next_try_at, refusals, refused_since: Some(since), ..unchanged(reason) }
        }
        Failure::Later(reason) => {
            let end = job.give_up_at.unwrap_or(job.created_at + GIVE_UP_AFTER);
            let next_try_at = (now < end).then(|| now + pause(job.attempts));
            FailedTry { next_try_at, refusals: 0, refused_since: None, ..unchanged(reason) }
        }
        Failure::Unknown(reason) => {
            let unsettled = job.unsettled + 1;
            let next_try_at = (unsettled < MAX_UNSETTLED).then(|| now + UNSETTLED_PAUSE);
            FailedTry { next_try_at, unsettled, ..unchanged(format!("it may have been delivered: {reason}")) }
        }
    }
}

/// Returns the pause after a number of tries. It begins with 1 s and doubles.
fn pause(attempts: i64) -> Duration {
    doubled(Duration::from_secs(1), attempts, LONGEST_PAUSE)
}

/// Returns the pause after a number of refusals in a row. It begins with 5 s and doubles.
fn refused_pause(refusals: i64) -> Duration {
    doubled(Duration::from_secs(5), refusals, LONGEST_REFUSED_PAUSE)
}

fn doubled(first: Duration, times: i64, longest: Duration) -> Duration {
    // Bounded before the shift, which would overflow after 31 doublings.
    let doublings = u32::try_from(times.clamp(1, 20) - 1).unwrap_or_default();
    (first * (1 << doublings)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_their_longest() {
        assert_eq!([1, 2, 5, 9, 10, 1_000].map(|n| pause(n).as_secs()), [1, 2, 16, 256, 300, 300]);
        assert_eq!([1, 2, 5, 9, 10, 1_000].map(|n| refused_pause(n).as_secs()), [5, 10, 80, 1_280, 1_800, 1_800]);
    }
}
