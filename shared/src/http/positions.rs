//! Reading one's own writes at other services: the header `Chatty-Position`.
//!
//! The answer to a write tells the positions of what was published. A client sends them along with its next requests,
//! to whatever service. A service that keeps a copy of such a stream then waits until the copy has reached the position,
//! at most [`WAIT`]; after that it answers from what it has (docs/adr/0044).
//!
//! Somebody who waits learns by the time whether a state exists. So only a request with a valid token waits, and only for
//! streams that its sender may know of, see [`Readers`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use quick_cache::sync::Cache;
use sea_orm::DbErr;
use serde_json::value::to_raw_value;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::error::ApiError;
use crate::events::any_consumer::AnyConsumer;
use crate::events::{Key, Readers, Streams};
use crate::ids::UserId;
use crate::outbox::Position;
use crate::work::Db;

/// The header, in requests and in answers.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("chatty-position");
/// The longest time that a request waits. Copies usually follow within milliseconds.
const WAIT: Duration = Duration::from_secs(1);
/// The first pause before a copy is looked at again. Each pause is twice as long as the one before, so that a request
/// costs at most ten looks at a copy.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
/// The most positions in a request.
const MAX_POSITIONS: usize = 100;
/// The most requests of a process that wait at a time. Beyond that, requests are answered at once.
const MAX_WAITING: usize = 256;
/// The number of keys whose merged versions are remembered.
const MERGED: usize = 10_000;

/// The copies that a process keeps, of all its services. Clones share them.
#[derive(Clone)]
pub struct Copies(Arc<Inner>);

struct Inner {
    copies: Vec<Copy>,
    waiting: Semaphore,
}

/// The copy of a stream in one service.
struct Copy {
    db: Db,
    consumer: Arc<dyn AnyConsumer>,
    /// The versions that were merged into the memory for a request. Merging one again would be harmless for the memory
    /// itself, but not for what is cached by it.
    merged: Cache<Key, i64>,
}

/// The keys of a stream with the versions that a request waits for.
type Wanted = BTreeMap<Key, i64>;

impl Copies {
    /// Collects the copies of services, each with its database.
    pub fn of<'a>(services: impl IntoIterator<Item = (&'a Db, &'a Streams)>) -> Self {
        let copy = |db: &Db, consumer: &Arc<dyn AnyConsumer>| Copy {
            db: db.clone(),
            consumer: Arc::clone(consumer),
            merged: Cache::new(MERGED),
        };
        let of_service = |(db, streams): (&Db, &Streams)| -> Vec<Copy> {
            streams.consumers.iter().map(|consumer| copy(db, consumer)).collect()
        };
        let copies = services.into_iter().flat_map(of_service).collect();
        Self(Arc::new(Inner { copies, waiting: Semaphore::new(MAX_WAITING) }))
    }

    /// Waits until the copies have reached the positions in these headers, as far as this person may know of them.
    ///
    /// # Errors
    /// 400 when the header is not a list of positions.
    pub(crate) async fn wait_for(&self, headers: &HeaderMap, person: UserId, is_admin: bool) -> Result<(), ApiError> {
        let wanted = read(headers)?;
        let Ok(_permit) = self.0.waiting.try_acquire() else { return Ok(()) };
        let all_reached = async {
            for copy in &self.0.copies {
                let mut wanted = wanted.get(copy.consumer.stream()).cloned().unwrap_or_default();
                wanted.retain(|key, _| may_wait(copy.consumer.readers(), key, person, is_admin));
                // The handler will find out why the copy cannot be read, and has a better answer.
                if let Err(error) = copy.wait(wanted).await {
                    tracing::debug!(%error, "A copy cannot be read, so nobody waits for it.");
                }
            }
        };
        let _reached_or_late = timeout(WAIT, all_reached).await;
        Ok(())
    }
}

impl Copy {
    /// Waits until the copy has these versions, or newer ones.
    async fn wait(&self, mut wanted: Wanted) -> Result<(), DbErr> {
        let mut pause = FIRST_PAUSE;
        loop {
            let keys: Vec<Key> = wanted.keys().cloned().collect();
            let rows = if keys.is_empty() { Vec::new() } else { self.consumer.find(self.db.read(), &keys).await? };
            for row in rows {
                if wanted.get(&row.key).is_some_and(|version| row.version >= *version) {
                    wanted.remove(&row.key);
                    self.merge(row.key, row.version, &row.content);
                }
            }
            if wanted.is_empty() {
                return Ok(());
            }
            sleep(pause).await;
            pause *= 2;
        }
    }

    /// Merges a state into the memory that follows the copy: another replica may have applied it, and tell this one later.
    fn merge(&self, key: Key, version: i64, content: &serde_json::Value) {
        if !self.consumer.has_memory() || self.merged.get(&key).is_some_and(|merged| merged >= version) {
            return;
        }
        if let Ok(state) = to_raw_value(content) {
            self.consumer.merge_into_memory(&[state]);
            self.merged.insert(key, version);
        }
    }
}

/// Returns whether somebody may wait for a key of a stream with these readers.
fn may_wait(readers: Readers, key: &Key, person: UserId, is_admin: bool) -> bool {
    match readers {
        Readers::Members => true,
        Readers::Person => key.first() == person.0,
        Readers::Admins => is_admin,
    }
}

/// Reads the positions that a request names, by their streams.
fn read(headers: &HeaderMap) -> Result<BTreeMap<String, Wanted>, ApiError> {
    let bad = || {
        let rule =
            "Chatty-Position must list at most 100 positions of the form stream/key@version, as answers give them";
        ApiError::bad_request("bad_position", rule)
    };
    let (mut streams, mut count) = (BTreeMap::<String, Wanted>::new(), 0);
    for value in headers.get_all(HEADER) {
        let list = value.to_str().map_err(|_not_ascii| bad())?;
        for text in list.split(',') {
            let Position { stream, key, version } = Position::parse(text.trim()).ok_or_else(bad)?;
            let newest = streams.entry(stream).or_default().entry(key).or_default();
            *newest = version.max(*newest);
            count += 1;
        }
    }
    if count > MAX_POSITIONS { Err(bad()) } else { Ok(streams) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_what_they_may_not_know_of() {
        let (own, of_others) = (Key(vec![7, 8]), Key(vec![8, 7]));
        for (readers, key, is_admin, expected) in [
            (Readers::Members, &of_others, false, true),
            (Readers::Person, &own, false, true),
            (Readers::Person, &of_others, false, false),
            (Readers::Person, &of_others, true, false),
            (Readers::Admins, &own, false, false),
            (Readers::Admins, &of_others, true, true),
        ] {
            assert_eq!(may_wait(readers, key, UserId(7), is_admin), expected, "{readers:?} {key} {is_admin}");
        }
    }

    #[test]
    fn the_newest_version_of_a_key_is_wanted() {
        let mut headers = HeaderMap::new();
        headers.append(HEADER, "like/7/3@2, post/1@1".parse().unwrap());
        headers.append(HEADER, "like/7/3@4,like/7/3@3".parse().unwrap());
        let wanted = read(&headers).unwrap();
        assert_eq!(wanted["like"], Wanted::from([(Key(vec![7, 3]), 4)]));
        assert_eq!(wanted.len(), 2);
    }
}
