//! Live items: what open streams tell people of at the moment when it happens.
//!
//! Each item has a number of one common sequence, given under a lock, so that whoever has seen everything up to a number
//! can be told of the rest: without loss, and without repetition (docs/adr/0040).

use std::time::Duration;

use shared::clock::Timestamp;
use shared::ids::{NOBODY, UserId};

use super::ids::PostId;
use super::notices::{Notice, Place, Recipient};

/// The age at which a thing is no news any more: it is not announced, and its item is deleted.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// The recipient of an item that concerns all followers of the person who caused it.
pub(crate) const FOLLOWERS: &str = "";
/// The number of low bits of a number that count items. The bits above are an era: a restore from a backup raises them.
const ERA_SHIFT: u32 = 32;

/// Something that has happened, before it has a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct News {
    /// See [`Recipient::key`]; [`FOLLOWERS`] for a post, of which the followers of its author are told.
    pub(crate) recipient: String,
    pub(crate) place: Place,
    /// The person who caused it; [`NOBODY`] if it comes from an admin.
    pub(crate) actor: UserId,
    pub(crate) at: Timestamp,
}

impl News {
    /// A post, of which the followers of its author are told.
    pub(crate) fn of_post(id: PostId, author: UserId, at: Timestamp) -> Self {
        Self { recipient: FOLLOWERS.to_owned(), place: Place::post(id), actor: author, at }
    }

    /// A like, of which the author of the post is told.
    pub(crate) fn of_like(post: PostId, post_author: UserId, actor: UserId, at: Timestamp) -> Self {
        Self { recipient: Recipient::Id(post_author).key(), place: Place::likes(post), actor, at }
    }

    /// A new follower, of whom the followee is told.
    pub(crate) fn of_follow(followee: UserId, follower: UserId, at: Timestamp) -> Self {
        Self { recipient: Recipient::Id(followee).key(), place: Place::FOLLOWERS, actor: follower, at }
    }

    /// A warning by an admin, of which the warned person is told.
    pub(crate) fn of_warning(person: UserId, id: i64, at: Timestamp) -> Self {
        Self { recipient: Recipient::Id(person).key(), place: Place::warning(id), actor: UserId(NOBODY), at }
    }

    /// The end of a report, of which the reporter is told.
    pub(crate) fn of_outcome(reporter: UserId, report: i64, at: Timestamp) -> Self {
        Self { recipient: Recipient::Id(reporter).key(), place: Place::outcome(report), actor: UserId(NOBODY), at }
    }

    /// A post or comment that concerns somebody.
    pub(crate) fn of_notice(notice: &Notice) -> Self {
        Self { recipient: notice.recipient.clone(), place: notice.place, actor: notice.actor, at: notice.at }
    }
}

/// Returns the first number of an era. A database that is created anew begins a random one, so that numbers of the
/// database before it do not fit.
pub(crate) const fn first_of_era(era: u16) -> i64 {
    (era as i64) << ERA_SHIFT
}

/// Returns whether somebody who has seen everything up to `seen` can be told of the rest: the numbers up to `head` were
/// given since, and the items up to `trimmed_to` are gone.
pub(crate) const fn can_resume(seen: i64, head: i64, trimmed_to: i64) -> bool {
    seen >> ERA_SHIFT == head >> ERA_SHIFT && seen <= head && seen >= trimmed_to
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_another_era_or_of_deleted_items_cannot_be_resumed_from() {
        let first = first_of_era(3);
        assert!(can_resume(first + 5, first + 9, 0) && can_resume(first + 9, first + 9, first + 9));
        for (seen, head, trimmed_to) in [
            (first + 10, first + 9, 0),
            (first + 5, first + 9, first + 6),
            (first_of_era(2) + 5, first + 9, 0),
            (first + 5, first + shared::events::restore::VERSION_STEP + 9, 0),
            (0, first, 0),
            (-1, first, 0),
            (i64::MAX, first, 0),
        ] {
            assert!(!can_resume(seen, head, trimmed_to), "{seen} {head} {trimmed_to}");
        }
    }
}
