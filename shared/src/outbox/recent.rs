//! The keys and versions that this process has published in the last five minutes.
//!
//! In each round of the comparison an owner sends these versions to its copies, which check that the states have
//! arrived (ADR 14). So a lost message is noticed within a round, long before the comparison of the whole copy reaches
//! its row.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::state::Key;

/// The time for which a published version is remembered.
const RETENTION: Duration = Duration::from_secs(300);
/// The time that one bucket spans.
const BUCKET_SPAN: Duration = Duration::from_secs(10);
/// The most keys of one stream in one bucket. The comparison of whole copies covers the rest of a flood.
const MAX_KEYS: usize = 2_000;

/// A stream, and the keys and versions of its states that a transaction has published.
pub(crate) type Published = (&'static str, Vec<(Key, i64)>);

/// The newest published versions by stream and key, in buckets of ten seconds. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Recent(Arc<Mutex<VecDeque<Bucket>>>);

/// The versions that were published within one span. Buckets make it cheap to forget old versions.
struct Bucket {
    /// The time of the first transaction in the bucket.
    begun: Instant,
    /// The time of the last transaction in the bucket.
    last: Instant,
    streams: HashMap<&'static str, HashMap<Key, i64>>,
}

impl Recent {
    /// Records the states that a transaction has published, after its commit at `now`.
    pub(crate) fn record(&self, published: Vec<Published>, now: Instant) {
        if published.is_empty() {
            return;
        }
        let mut buckets = self.locked();
        while buckets.front().is_some_and(|oldest| now.duration_since(oldest.last) > RETENTION) {
            buckets.pop_front();
        }
        // The first transaction decides when a bucket ends: a steady stream of writes would extend it for ever.
        if buckets.back().is_none_or(|newest| now.duration_since(newest.begun) > BUCKET_SPAN) {
            buckets.push_back(Bucket { begun: now, last: now, streams: HashMap::new() });
        }
        let Some(bucket) = buckets.back_mut() else { return };
        bucket.last = now;
        for (stream, rows) in published {
            let keys = bucket.streams.entry(stream).or_default();
            for (key, version) in rows {
                // Transactions may be recorded in another order than they committed, so the higher version stays. The
                // limit does not apply to a known key, whose entry takes no more room.
                if let Some(known) = keys.get_mut(&key) {
                    *known = version.max(*known);
                } else if keys.len() < MAX_KEYS {
                    keys.insert(key, version);
                }
            }
        }
    }

    /// Returns the keys that were published at least `grace` ago, each with the highest version published by then.
    /// Younger versions may still be on their way to the copies.
    pub(crate) fn due(&self, stream: &str, grace: Duration, now: Instant) -> BTreeMap<Key, i64> {
        let mut due = BTreeMap::new();
        let mut buckets = self.locked();
        buckets.retain(|bucket| now.duration_since(bucket.last) <= RETENTION);
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

    fn record(recent: &Recent, id: i64, version: i64, at: Instant) {
        recent.record(vec![("post", vec![(id.into(), version)])], at);
    }

    #[test]
    fn what_was_published_is_told_after_the_grace_time_and_for_five_minutes() {
        let (recent, begun) = (Recent::default(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        record(&recent, 1, 1, at(0));
        record(&recent, 1, 2, at(1));
        record(&recent, 2, 7, at(20));
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
            record(&recent, id, 1, begun);
        }
        record(&recent, 1, 2, begun);
        let due = recent.due("post", GRACE, begun + GRACE);
        assert_eq!((due.len(), due.get(&1.into())), (MAX_KEYS, Some(&2)));
    }
}
