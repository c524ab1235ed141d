//! The memory of what this process has published in the last minutes, for the copies to look whether it has arrived.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::events::Key;

/// The time that it is remembered.
const KEPT: Duration = Duration::from_secs(300);
/// The time that one bucket spans.
const SPAN: Duration = Duration::from_secs(10);
/// Keys of one stream in one bucket. What a flood writes beyond is left to the comparison of everything.
const KEYS: usize = 2_000;

/// States of one stream that a transaction has published.
pub(crate) type Published = (&'static str, Vec<(Key, i64)>);

/// The newest versions of what was published. Clones share them.
#[derive(Clone, Default)]
pub struct Recent(Arc<Mutex<VecDeque<Bucket>>>);

struct Bucket {
    begun: Instant,
    /// When the last transaction was noted.
    last: Instant,
    streams: HashMap<&'static str, HashMap<Key, i64>>,
}

impl Recent {
    /// A transaction has committed.
    pub(crate) fn note(&self, published: Vec<Published>, now: Instant) {
        if published.is_empty() {
            return;
        }
        let mut buckets = self.locked();
        while buckets.front().is_some_and(|oldest| now.duration_since(oldest.last) > KEPT) {
            buckets.pop_front();
        }
        if buckets.back().is_none_or(|newest| now.duration_since(newest.begun) > SPAN) {
            buckets.push_back(Bucket { begun: now, last: now, streams: HashMap::new() });
        }
        let Some(bucket) = buckets.back_mut() else { return };
        bucket.last = now;
        for (stream, rows) in published {
            let keys = bucket.streams.entry(stream).or_default();
            for (key, version) in rows {
                if let Some(known) = keys.get_mut(&key) {
                    *known = version.max(*known);
                } else if keys.len() < KEYS {
                    keys.insert(key, version);
                }
            }
        }
    }

    /// The keys that were published at least `grace` ago, with the newest of these versions.
    pub(super) fn due(&self, stream: &str, grace: Duration, now: Instant) -> BTreeMap<Key, i64> {
        let mut due = BTreeMap::new();
        let mut buckets = self.locked();
        buckets.retain(|bucket| now.duration_since(bucket.last) <= KEPT);
        for bucket in buckets.iter().filter(|bucket| now.duration_since(bucket.last) >= grace) {
            for (key, version) in bucket.streams.get(stream).into_iter().flatten() {
                let known = due.entry(key.clone()).or_insert(*version);
                *known = (*known).max(*version);
            }
        }
        due
    }

    fn locked(&self) -> MutexGuard<'_, VecDeque<Bucket>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(30);

    fn note(recent: &Recent, id: i64, version: i64, at: Instant) {
        recent.note(vec![("post", vec![(id.into(), version)])], at);
    }

    #[test]
    fn what_was_published_is_told_after_the_grace_time_and_for_five_minutes() {
        let (recent, begun) = (Recent::default(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        note(&recent, 1, 1, at(0));
        note(&recent, 1, 2, at(1));
        note(&recent, 2, 7, at(20));
        assert!(recent.due("post", GRACE, at(29)).is_empty());
        assert_eq!(recent.due("post", GRACE, at(31)), BTreeMap::from([(1.into(), 2)]));
        assert_eq!(recent.due("post", GRACE, at(51)), BTreeMap::from([(1.into(), 2), (2.into(), 7)]));
        assert!(recent.due("like", GRACE, at(51)).is_empty());
        assert_eq!(recent.due("post", GRACE, at(310)), BTreeMap::from([(2.into(), 7)]));
        assert!(recent.due("post", GRACE, at(400)).is_empty());
    }

    #[test]
    fn a_flood_is_remembered_in_part() {
        let (recent, begun) = (Recent::default(), Instant::now());
        for id in 1..=5_000 {
            note(&recent, id, 1, begun);
        }
        note(&recent, 1, 2, begun);
        let due = recent.due("post", GRACE, begun + GRACE);
        assert_eq!((due.len(), due.get(&1.into())), (KEYS, Some(&2)));
    }
}
