//! A bounded cache of the values that requests read most. It loads values on demand and follows their changes.
//!
//! Loads are single-flight and batched: a request that misses waits for the next query, and that query reads everything
//! that is missing by then. So there is one query for any number of requests for the same value, and few for requests
//! for many different values. A value that changes while it is being read is returned but not kept, because the read
//! may be older than the change (docs/adr/0009).

mod rendered;

use std::collections::{BTreeSet, HashMap};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use quick_cache::Weighter;
use sea_orm::DbErr;
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::interval;

use crate::db::Reads;
use crate::error::ApiError;
use crate::tasks::Cancel;
use crate::work::Db;

pub use rendered::{Json, Rendered};

/// The largest number of values that one query reads.
const BATCH: usize = 256;
/// The largest number of requests that wait for a query. Further requests are refused.
const QUEUE: usize = 10_000;
/// The number of rounds for which a value is used. The limit bounds the harm of a lost message from another replica:
/// the old value is returned for a minute at most.
const MAX_ROUNDS: u64 = 2;
/// The length of a round, the unit in which the age of values is counted.
const ROUND: Duration = Duration::from_secs(30);
/// The estimated size of a value in bytes, from which the number of entries is estimated when a cache is made.
const TYPICAL_BYTES: u64 = 2_000;
/// The memory in bytes that the cache itself needs for an entry, about what was measured.
const ENTRY_OVERHEAD: usize = 200;
/// The number of change counters, which ids share. If two ids share a counter, a change of one now and then costs an
/// additional read of the other.
const COUNTERS: usize = 1_024;

/// The source from which a cache loads its values.
#[async_trait]
pub trait Load: Send + Sync + 'static {
    /// The cached value.
    type Value: Send + Sync + 'static;

    /// Reads the values of `ids`, in any order. An id without a value is left out.
    ///
    /// # Errors
    /// When the database cannot answer. Every request that waits for one of these ids gets the error.
    async fn load(&self, db: &Reads, ids: &[i64]) -> Result<Vec<(i64, Self::Value)>, DbErr>;

    /// Returns the memory that a value takes, in bytes. An estimate is enough; it must not change while the value is
    /// cached.
    fn bytes(value: &Self::Value) -> usize;
}

/// The answer to a request for one value. `None`: there is no such value.
type Answer<V> = Result<Option<Arc<V>>, ApiError>;
/// The id of a requested value, and the sender of the answer to the request.
type PendingLoad<V> = (i64, oneshot::Sender<Answer<V>>);

/// A cache of values by their ids. Clones share it: one of them calls [`Cache::run`], which loads the values.
pub struct Cache<L: Load>(Arc<Inner<L>>);

impl<L: Load> Clone for Cache<L> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<L: Load> {
    values: quick_cache::sync::Cache<i64, Entry<L::Value>, ByteWeighter<L>>,
    /// The number of the current round.
    round: AtomicU64,
    /// The counters of changes, each for all ids that share it. The lock of a counter is held while a value of one of
    /// its ids is inserted or changed.
    changes: Vec<Mutex<u64>>,
    sender: mpsc::Sender<PendingLoad<L::Value>>,
    receiver: tokio::sync::Mutex<mpsc::Receiver<PendingLoad<L::Value>>>,
}

/// A cached value, and the round in which it was read.
struct Entry<V> {
    value: Arc<V>,
    round: u64,
}

// Written by hand, because a derived `Clone` would require `V: Clone`.
impl<V> Clone for Entry<V> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), round: self.round }
    }
}

/// Weighs entries by the memory that they take, so that the bound of a cache is a number of bytes.
struct ByteWeighter<L>(PhantomData<fn() -> L>);

impl<L> Clone for ByteWeighter<L> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<L: Load> Weighter<i64, Entry<L::Value>> for ByteWeighter<L> {
    fn weight(&self, _id: &i64, entry: &Entry<L::Value>) -> u64 {
        (L::bytes(&entry.value) + ENTRY_OVERHEAD) as u64
    }
}

impl<L: Load> Cache<L> {
    /// Creates a cache that takes at most `bytes` of memory. With 0 it keeps nothing, and each request reads from the
    /// database.
    pub fn new(bytes: u64) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let items = usize::try_from(bytes / TYPICAL_BYTES).unwrap_or(usize::MAX);
        Self(Arc::new(Inner {
            values: quick_cache::sync::Cache::with_weighter(items, bytes, ByteWeighter(PhantomData)),
            round: AtomicU64::new(0),
            changes: (0..COUNTERS).map(|_| Mutex::new(0)).collect(),
            sender,
            receiver: tokio::sync::Mutex::new(receiver),
        }))
    }

    /// Finds a value in memory or in the database; `None` if it does not exist. The absence of a value is not
    /// remembered, so an id that is created later is found at once.
    ///
    /// # Errors
    /// 503 `busy` when too many requests wait for the database, 503 `stopping` when the service stops, and the error of
    /// [`Load::load`].
    pub async fn find(&self, id: i64) -> Result<Option<Arc<L::Value>>, ApiError> {
        match self.find_fresh(id) {
            Some(value) => Ok(Some(value)),
            None => self.request_load(id)?.await.unwrap_or_else(|_stopped| Err(stopping())),
        }
    }

    /// Finds values, in the order of `ids`. An id without a value is left out.
    ///
    /// # Errors
    /// As [`Cache::find`], when one of the values cannot be read.
    pub async fn find_all(&self, ids: &[i64]) -> Result<Vec<Arc<L::Value>>, ApiError> {
        let mut values: Vec<Option<Arc<L::Value>>> = Vec::with_capacity(ids.len());
        let mut missing = Vec::new();
        // All missing values are requested before the first one is awaited, so that one query can read them.
        for (place, id) in ids.iter().enumerate() {
            let value = self.find_fresh(*id);
            if value.is_none() {
                missing.push((place, self.request_load(*id)?));
            }
            values.push(value);
        }
        for (place, answered) in missing {
            let value = answered.await.unwrap_or_else(|_stopped| Err(stopping()))?;
            if let Some(slot) = values.get_mut(place) {
                *slot = value;
            }
        }
        Ok(values.into_iter().flatten().collect())
    }

    /// Returns the value in memory; `None` if it is missing or too old.
    fn find_fresh(&self, id: i64) -> Option<Arc<L::Value>> {
        let entry = self.0.values.get(&id)?;
        (entry.round + MAX_ROUNDS > self.0.round.load(Ordering::Relaxed)).then_some(entry.value)
    }

    /// Puts an id into the queue of the next query, and returns the receiver of its answer.
    fn request_load(&self, id: i64) -> Result<oneshot::Receiver<Answer<L::Value>>, ApiError> {
        let (answer, answered) = oneshot::channel();
        let busy = |_full| ApiError::unavailable("busy", "Too many requests wait for the database already");
        self.0.sender.try_send((id, answer)).map_err(busy)?;
        Ok(answered)
    }

    /// Calls `update` with the value if it is in memory; the value changes itself by interior mutability. The result of
    /// a query that is reading the value now is not kept.
    pub fn update(&self, id: i64, update: impl FnOnce(&L::Value)) {
        let _changed = self.count_change(id);
        // `peek` does not count as a use, so writes alone do not keep a value in memory.
        if let Some(entry) = self.0.values.peek(&id) {
            update(&entry.value);
        }
    }

    /// Removes a value from memory, so that the next request reads it again. The result of a query that is reading the
    /// value now is not kept.
    pub fn forget(&self, id: i64) {
        let _changed = self.count_change(id);
        self.0.values.remove(&id);
    }

    /// Removes all values from memory. The results of a query that runs now are not kept.
    pub fn clear(&self) {
        self.0.changes.iter().for_each(|changes| *lock(changes) += 1);
        self.0.values.clear();
    }

    /// Counts a change of a value, and returns its locked counter. Until the guard is dropped, no value that was read
    /// before the change can be inserted.
    fn count_change(&self, id: i64) -> MutexGuard<'_, u64> {
        let mut changes = self.lock_changes(id);
        *changes += 1;
        changes
    }

    /// Locks the counter of changes that belongs to an id.
    fn lock_changes(&self, id: i64) -> MutexGuard<'_, u64> {
        let index = usize::try_from(id.unsigned_abs()).unwrap_or_default() % COUNTERS;
        #[expect(clippy::indexing_slicing, reason = "there are as many counters as the remainder has values")]
        lock(&self.0.changes[index])
    }

    /// Loads the values that requests miss, until `cancel`. One query runs at a time; requests that arrive meanwhile
    /// wait for the next one.
    pub async fn run(self, db: Db, source: L, cancel: Cancel) {
        let mut receiver = self.0.receiver.lock().await;
        let mut asked = Vec::new();
        let mut rounds = interval(ROUND);
        loop {
            tokio::select! {
                _ = receiver.recv_many(&mut asked, BATCH) => {}
                _ = rounds.tick() => {
                    self.0.round.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
                () = cancel.cancelled() => return,
            }
            // Yield once so that ready tasks can join this query.
            yield_now().await;
            while asked.len() < BATCH
                && let Ok(next) = receiver.try_recv()
            {
                asked.push(next);
            }
            self.load(&db, &source, std::mem::take(&mut asked)).await;
        }
    }

    /// Reads the requested values with one query, keeps them, and sends the answers to the requests.
    async fn load(&self, db: &Db, source: &L, asked: Vec<PendingLoad<L::Value>>) {
        let waiting = asked.into_iter().filter(|(_, answer)| !answer.is_closed());
        // The query before this one may have read some of the values while their requests waited.
        let (known, asked): (Vec<_>, Vec<_>) =
            waiting.map(|(id, answer)| (self.find_fresh(id), id, answer)).partition(|(known, ..)| known.is_some());
        known.into_iter().for_each(|(known, _, answer)| send_answer(answer, Ok(known)));
        let asked: Vec<PendingLoad<L::Value>> = asked.into_iter().map(|(_, id, answer)| (id, answer)).collect();
        if asked.is_empty() {
            return;
        }
        let ids: BTreeSet<i64> = asked.iter().map(|(id, _)| *id).collect();
        let round = self.0.round.load(Ordering::Relaxed);
        // The counters are noted before the query, and compared after it: a change in between may be missing in what
        // was read.
        let ids: Vec<(i64, u64)> = ids.into_iter().map(|id| (id, *self.lock_changes(id))).collect();
        let keys: Vec<i64> = ids.iter().map(|(id, _)| *id).collect();
        let found = match source.load(db.read(), &keys).await {
            Ok(found) => found,
            Err(error) => {
                let error = ApiError::from(error);
                return asked.into_iter().for_each(|(_, answer)| send_answer(answer, Err(error.clone())));
            }
        };
        let found: HashMap<i64, Arc<L::Value>> = found.into_iter().map(|(id, value)| (id, Arc::new(value))).collect();
        for (id, before) in ids {
            let Some(value) = found.get(&id) else { continue };
            let changes = self.lock_changes(id);
            if *changes == before {
                self.0.values.insert(id, Entry { value: Arc::clone(value), round });
            }
        }
        for (id, answer) in asked {
            send_answer(answer, Ok(found.get(&id).cloned()));
        }
    }
}

/// Locks a counter. A panic of another holder is no reason to fail here: a number is valid at any moment.
fn lock(changes: &Mutex<u64>) -> MutexGuard<'_, u64> {
    changes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the error for requests that still wait when the task that loads has ended.
fn stopping() -> ApiError {
    ApiError::unavailable("stopping", "The service is stopping")
}

/// Sends an answer. A request that has ended in the meantime is ignored.
fn send_answer<T>(waiting: oneshot::Sender<T>, answer: T) {
    let _gone = waiting.send(answer);
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as Cell;

    use sea_orm::DbErr;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::clock::Clock;
    use crate::config::{Env, Settings};

    /// A source in which each even id has a value: the number of queries so far. It records each query, which then
    /// waits for a permit. A query for the id -2 fails.
    #[derive(Clone)]
    struct Even {
        queries: Arc<Cell<Vec<Vec<i64>>>>,
        permits: Arc<Semaphore>,
    }

    #[async_trait]
    impl Load for Even {
        type Value = usize;

        async fn load(&self, _db: &Reads, ids: &[i64]) -> Result<Vec<(i64, usize)>, DbErr> {
            let count = {
                let mut queries = self.queries.lock().unwrap();
                queries.push(ids.to_vec());
                queries.len()
            };
            self.permits.acquire().await.unwrap().forget();
            if ids.contains(&-2) {
                return Err(DbErr::Custom("bad".to_owned()));
            }
            Ok(ids.iter().filter(|id| *id % 2 == 0).map(|id| (*id, count)).collect())
        }

        fn bytes(_value: &usize) -> usize {
            8
        }
    }

    struct World {
        cache: Cache<Even>,
        source: Even,
        cancel: Cancel,
        _folder: tempfile::TempDir,
    }

    impl World {
        async fn new(queries: usize) -> Self {
            Self::with_room(1 << 20, queries).await
        }

        #[expect(clippy::disallowed_methods, reason = "ends with the test")]
        async fn with_room(bytes: u64, queries: usize) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let env = Env::of([("CHATTY_DATA_DIR", folder.path().to_str().unwrap())]);
            let db = Db::open(&Settings::from_env(&env, 1).unwrap(), "test", Clock::system()).await.unwrap();
            let source = Even { queries: Arc::default(), permits: Arc::new(Semaphore::new(queries)) };
            let (cache, cancel) = (Cache::new(bytes), Cancel::new());
            tokio::spawn(Cache::clone(&cache).run(db, source.clone(), cancel.clone()));
            Self { cache, source, cancel, _folder: folder }
        }

        fn queries(&self) -> Vec<Vec<i64>> {
            self.source.queries.lock().unwrap().clone()
        }
    }

    impl Drop for World {
        fn drop(&mut self) {
            self.cancel.cancel();
        }
    }

    #[tokio::test]
    async fn one_query_reads_for_all_requests_that_wait() {
        let world = World::new(2).await;
        let first = Box::pin(world.cache.find(2));
        let mut all: Vec<_> = (0..50).map(|n| Box::pin(world.cache.find(4 + n % 3))).collect();
        all.push(first);
        let found = futures_util::future::join_all(all).await;
        assert!(found.iter().all(Result::is_ok));
        let queries = world.queries();
        assert!(queries.len() <= 2, "{queries:?}");
        // The value is in memory now, so no further query is made.
        assert!(world.cache.find(4).await.unwrap().is_some());
        assert_eq!(world.queries(), queries);
        world.source.permits.add_permits(2);
        assert!(world.cache.find(5).await.unwrap().is_none());
        let values = world.cache.find_all(&[6, 5, 2]).await.unwrap();
        assert_eq!(values.len(), 2);
    }

    #[tokio::test]
    async fn a_request_during_the_query_causes_no_second_query() {
        let world = World::new(0).await;
        let late = async {
            while world.queries().is_empty() {
                tokio::task::yield_now().await;
            }
            let mut asked = Box::pin(world.cache.find(2));
            assert!(futures_util::poll!(&mut asked).is_pending());
            world.source.permits.add_permits(2);
            asked.await
        };
        let (first, late) = tokio::join!(world.cache.find(2), late);
        assert_eq!((first.unwrap().as_deref(), late.unwrap().as_deref()), (Some(&1), Some(&1)));
        assert_eq!(world.queries().len(), 1);
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test itself waits for the task")]
    async fn a_request_of_a_ready_task_joins_the_query() {
        let world = World::new(2).await;
        yield_now().await;
        let (mut first, cache) = (Box::pin(world.cache.find(2)), world.cache.clone());
        assert!(futures_util::poll!(&mut first).is_pending());
        // This task runs after the reader has been woken, so only the reader's yield lets it join the query.
        let second = tokio::spawn(async move { cache.find(4).await });
        assert!(first.await.unwrap().is_some() && second.await.unwrap().unwrap().is_some());
        assert_eq!(world.queries(), [[2, 4]]);
    }

    #[tokio::test]
    async fn a_cache_without_room_reads_each_time() {
        let world = World::with_room(0, 2).await;
        assert_eq!(world.cache.find(2).await.unwrap().as_deref(), Some(&1));
        assert_eq!(world.cache.find(2).await.unwrap().as_deref(), Some(&2));
    }

    #[tokio::test]
    async fn a_value_that_changes_while_it_is_read_is_not_kept() {
        let world = World::new(0).await;
        let (found, ()) = tokio::join!(world.cache.find(2), async {
            while world.queries().is_empty() {
                tokio::task::yield_now().await;
            }
            world.cache.update(2, |_| ());
            world.source.permits.add_permits(2);
        });
        assert_eq!(found.unwrap().as_deref(), Some(&1));
        assert_eq!(world.cache.find(2).await.unwrap().as_deref(), Some(&2), "it was read again");
        assert_eq!(world.cache.find(2).await.unwrap().as_deref(), Some(&2));
        let mut seen = 0;
        world.cache.update(2, |known| seen = *known);
        world.cache.update(4, |_| panic!("it is not in memory"));
        assert_eq!(seen, 2);
        world.source.permits.add_permits(2);
        world.cache.forget(2);
        assert_eq!(world.cache.find(2).await.unwrap().as_deref(), Some(&3));
        world.cache.clear();
        assert_eq!(world.cache.find(2).await.unwrap().as_deref(), Some(&4));
    }

    #[tokio::test]
    async fn an_error_is_answered_and_not_kept() {
        let world = World::new(2).await;
        assert_eq!(world.cache.find(-2).await.unwrap_err().status().as_u16(), 500);
        assert_eq!(world.cache.find(2).await.unwrap().as_deref(), Some(&2));
    }
}
