//! The life of signing keys: a key is published before anything is signed with it, and stays published until its last
//! token has expired (ADR 27).
//!
//! The rules depend only on the clock and on stored times. So every replica of this service, and one that starts later,
//! uses the same key at the same time.

use std::time::Duration;

use shared::clock::Timestamp;

use super::session::ACCESS_TOKEN_LIFETIME;

/// The time between the publication of a key and its first use. Every service fetches the key within this time: a
/// service asks every five minutes, the answer may come from a cache for five minutes, and other replicas of this
/// service publish the key some seconds later.
pub(crate) const PUBLISHED_BEFORE: Duration = Duration::from_secs(11 * 60);
/// The time for which a key stays published after its successor is used: the lifetime of its last token, and a minute
/// for clocks that differ.
const KEPT_AFTER: Duration = Duration::from_secs(ACCESS_TOKEN_LIFETIME.as_secs() + 60);

/// The times of a signing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyTimes {
    /// The time from which tokens are signed with the key. `None` for the key in the key file, which was the first.
    pub(crate) used_from: Option<Timestamp>,
    /// True when the first use of this key ends all earlier ones, because one of them was stolen.
    pub(crate) ends_others: bool,
}

/// A stage of a key's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The key is published and not used yet.
    Waiting,
    /// New tokens are signed with it.
    Signing,
    /// The key is no longer used, and stays published until its last token has expired.
    Retiring,
    /// The key is not published any more.
    Retired,
}

/// Returns the stage of each key. `keys` are given from the oldest to the newest.
pub(crate) fn stages(keys: impl Iterator<Item = KeyTimes>, now: Timestamp) -> Vec<Stage> {
    let keys: Vec<KeyTimes> = keys.collect();
    let is_used = |key: &KeyTimes| key.used_from.is_none_or(|from| from <= now);
    let signing = keys.iter().rposition(is_used);
    let stage = |(place, _): (usize, &KeyTimes)| match signing {
        Some(signing) if place == signing => Stage::Signing,
        Some(signing) if place > signing => Stage::Waiting,
        None => Stage::Waiting,
        Some(_) => {
            let later = || keys.iter().skip(place + 1).filter(|key| is_used(key));
            let is_ended = later().any(|key| key.ends_others);
            // This key retires when the first of its successors is used, whichever key signs now.
            let since = later().next().and_then(|key| key.used_from);
            let is_over = since.is_none_or(|since| now.since(since) >= KEPT_AFTER);
            if is_ended || is_over { Stage::Retired } else { Stage::Retiring }
        }
    };
    keys.iter().enumerate().map(stage).collect()
}

#[cfg(test)]
mod tests {
    use shared::clock::Clock;

    use super::*;

    /// Walks through a rotation, and checks at every step that each verifier knows each key that a living token may be
    /// signed with, however old its copy of the published keys is.
    #[test]
    fn no_token_meets_a_verifier_that_does_not_know_its_key() {
        // A copy is at most this old: five minutes in a service, and five more in a cache on the way.
        const OLDEST_COPY: u64 = 10 * 60;
        let start = Clock::system().now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let rotated = at(1_000) + PUBLISHED_BEFORE;
        // The second key becomes known at second 1 000, and the third one while the second is new.
        let known = |seconds: u64| {
            let mut keys = vec![KeyTimes { used_from: None, ends_others: false }];
            if seconds >= 1_000 {
                keys.push(KeyTimes { used_from: Some(rotated), ends_others: false });
            }
            if seconds >= 1_500 {
                keys.push(KeyTimes { used_from: Some(at(1_500) + PUBLISHED_BEFORE), ends_others: false });
            }
            keys
        };
        let signing =
            |seconds: u64| stages(known(seconds).into_iter(), at(seconds)).iter().position(|s| *s == Stage::Signing);
        let published = |seconds: u64, key: usize| {
            stages(known(seconds).into_iter(), at(seconds)).get(key).is_some_and(|stage| *stage != Stage::Retired)
        };
        let mut seen = std::collections::BTreeSet::new();
        for signed in (0..5_000).step_by(20) {
            let key = signing(signed).unwrap();
            seen.insert(key);
            // The token is shown until it has expired, to verifiers with copies of every age.
            for shown in (signed..=signed + ACCESS_TOKEN_LIFETIME.as_secs()).step_by(60) {
                for age in (0..=OLDEST_COPY.min(shown)).step_by(60) {
                    assert!(published(shown - age, key), "signed {signed}, shown {shown}, copy of {age} s");
                }
            }
        }
        assert_eq!(seen.len(), 3, "all three keys were used");
        assert!(!published(5_000, 0), "the first key is gone");
    }

    #[test]
    fn a_stolen_key_ends_with_the_first_use_of_the_next_one() {
        let now = Clock::system().now();
        let stolen = KeyTimes { used_from: None, ends_others: false };
        let next = KeyTimes { used_from: Some(now), ends_others: true };
        assert_eq!(stages([stolen, next].into_iter(), now), [Stage::Retired, Stage::Signing]);
        assert_eq!(stages([stolen].into_iter(), now), [Stage::Signing]);
    }
}
