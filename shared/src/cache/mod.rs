//! A bounded cache of what requests read most, merged by version.
//!
//! Who misses waits for the next query, which reads all that is missing by then: one query however many ask for the same,
//! and few for many that ask for different things. A value that changed while it was being read is answered, and not
//! kept.

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

use crate::db::{Db, Reads};
use crate::error::ApiError;
use crate::lifecycle::Cancel;

pub use rendered::{Json, Rendered};

/// Values that one query reads.
const BATCH: usize = 256;
/// Readers that wait; more are refused.
const QUEUE: usize = 10_000;
/// A value is kept for this many rounds: what was lost on the way from another replica does no harm for longer.
const ROUNDS: u64 = 2;
const ROUND: Duration = Duration::from_secs(30);
/// What a value takes as a rule, in bytes.
const USUAL: u64 = 2_000;
/// Ids share counters of changes; two that do are only read once more than needed.
const COUNTERS: usize = 1_024;

/// Where values come from.
#[async_trait]
pub trait Load: Send + Sync + 'static {
    /// What is kept.
    type Value: Send + Sync + 'static;

    /// Reads the values of these ids, as far as there are any.
    async fn load(&self, db: &Reads, ids: &[i64]) -> Result<Vec<(i64, Self::Value)>, DbErr>;

    /// How much memory a value takes, in bytes.
    fn bytes(value: &Self::Value) -> usize;
}

/// What somebody who asked is told.
type Answer<V> = Result<Option<Arc<V>>, ApiError>;
type Waiting<V> = (i64, oneshot::Sender<Answer<V>>);

/// A cache. Clones share it.
pub struct Cache<L: Load>(Arc<Inner<L>>);

impl<L: Load> Clone for Cache<L> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<L: Load> {
    values: quick_cache::sync::Cache<i64, Kept<L::Value>, ByBytes<L>>,
    /// Goes on with the time: how old a value is.
    round: AtomicU64,
    /// How often values have changed, by their ids. Who puts a value there or changes it holds the lock.
    changes: Vec<Mutex<u64>>,
    sender: mpsc::Sender<Waiting<L::Value>>,
    receiver: tokio::sync::Mutex<mpsc::Receiver<Waiting<L::Value>>>,
}

/// A value, and the round in which it was read.
struct Kept<V> {
    value: Arc<V>,
    round: u64,
}

impl<V> Clone for Kept<V> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), round: self.round }
    }
}

/// Weighs values by the memory that they take.
struct ByBytes<L>(PhantomData<fn() -> L>);

impl<L> Clone for ByBytes<L> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<L: Load> Weighter<i64, Kept<L::Value>> for ByBytes<L> {
    fn weight(&self, _id: &i64, kept: &Kept<L::Value>) -> u64 {
        (L::bytes(&kept.value) + ENTRY) as u64
    }
}

impl<L: Load> Cache<L> {
    /// A cache that takes at most so many bytes.
    pub fn new(bytes: u64) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let items = usize::try_from(bytes / USUAL).unwrap_or(usize::MAX);
        Self(Arc::new(Inner {
            values: quick_cache::sync::Cache::with_weighter(items, bytes, ByBytes(PhantomData)),
            round: AtomicU64::new(0),
            changes: (0..COUNTERS).map(|_| Mutex::new(0)).collect(),
            sender,
            receiver: tokio::sync::Mutex::new(receiver),
        }))
    }

    /// A value, from memory or the database; `None`: there is none.
    ///
    /// # Errors
    /// 503 when the database is not there, or too many wait for it.
    pub async fn find(&self, id: i64) -> Result<Option<Arc<L::Value>>, ApiError> {
        match self.known(id) {
            Some(value) => Ok(Some(value)),
            None => self.ask(id)?.await.unwrap_or_else(|_stopped| Err(stopping())),
        }
    }

    /// Values in the order of their ids, as far as there are any.
    ///
    /// # Errors
    /// As [`Cache::find`].
    pub async fn find_all(&self, ids: &[i64]) -> Result<Vec<Arc<L::Value>>, ApiError> {
        let mut values: Vec<Option<Arc<L::Value>>> = Vec::with_capacity(ids.len());
        let mut missing = Vec::new();
        for (place, id) in ids.iter().enumerate() {
            let value = self.known(*id);
            if value.is_none() {
                missing.push((place, self.ask(*id)?));
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

    /// What is in memory and not too old.
    fn known(&self, id: i64) -> Option<Arc<L::Value>> {
        let kept = self.0.values.get(&id)?;
        (kept.round + ROUNDS > self.0.round.load(Ordering::Relaxed)).then_some(kept.value)
    }

    fn ask(&self, id: i64) -> Result<oneshot::Receiver<Answer<L::Value>>, ApiError> {
        let (answer, answered) = oneshot::channel();
        let busy = |_full| ApiError::unavailable("busy", "Too many requests wait for the database already");
        self.0.sender.try_send((id, answer)).map_err(busy)?;
        Ok(answered)
    }

    /// Lets a value that is in memory change itself. What is being read now is not kept.
    pub fn update(&self, id: i64, update: impl FnOnce(&L::Value)) {
        let _changed = self.changed(id);
        if let Some(kept) = self.0.values.peek(&id) {
            update(&kept.value);
        }
    }

    /// Forgets a value; it is read again when somebody asks. What is being read now is not kept.
    pub fn forget(&self, id: i64) {
        let _changed = self.changed(id);
        self.0.values.remove(&id);
    }

    /// Forgets everything. What is being read now is not kept.
    pub fn clear(&self) {
        self.0.changes.iter().for_each(|changes| *locked(changes) += 1);
        self.0.values.clear();
    }

    /// Counts a change, and keeps others from putting the value there meanwhile.
    fn changed(&self, id: i64) -> MutexGuard<'_, u64> {
        let mut changes = self.changes(id);
        *changes += 1;
        changes
    }

    fn changes(&self, id: i64) -> MutexGuard<'_, u64> {
        // The counters are never empty.
        let index = usize::try_from(id.unsigned_abs()).unwrap_or_default() % COUNTERS;
        #[expect(clippy::indexing_slicing, reason = "there are as many counters as the remainder has values")]
        locked(&self.0.changes[index])
    }

    /// Reads what is missing, until `cancel`.
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
            // Whoever is about to ask comes along.
            yield_now().await;
            while asked.len() < BATCH
                && let Ok(next) = receiver.try_recv()
            {
                asked.push(next);
            }
            self.answer(&db, &source, std::mem::take(&mut asked)).await;
        }
    }

    async fn answer(&self, db: &Db, source: &L, asked: Vec<Waiting<L::Value>>) {
        let waiting = asked.into_iter().filter(|(_, answer)| !answer.is_closed());
        let (known, asked): (Vec<_>, Vec<_>) =
            waiting.map(|(id, answer)| (self.known(id), id, answer)).partition(|(known, ..)| known.is_some());
        // It was read while these waited.
        known.into_iter().for_each(|(known, _, answer)| tell(answer, Ok(known)));
        let asked: Vec<Waiting<L::Value>> = asked.into_iter().map(|(_, id, answer)| (id, answer)).collect();
        if asked.is_empty() {
            return;
        }
        let ids: BTreeSet<i64> = asked.iter().map(|(id, _)| *id).collect();
        let round = self.0.round.load(Ordering::Relaxed);
        let ids: Vec<(i64, u64)> = ids.into_iter().map(|id| (id, *self.changes(id))).collect();
        let keys: Vec<i64> = ids.iter().map(|(id, _)| *id).collect();
        let found = match source.load(db.read(), &keys).await {
            Ok(found) => found,
            Err(error) => {
                let error = ApiError::from(error);
                return asked.into_iter().for_each(|(_, answer)| tell(answer, Err(error.clone())));
            }
        };
        let found: HashMap<i64, Arc<L::Value>> = found.into_iter().map(|(id, value)| (id, Arc::new(value))).collect();
        for (id, before) in ids {
            let Some(value) = found.get(&id) else { continue };
            let changes = self.changes(id);
            if *changes == before {
                self.0.values.insert(id, Kept { value: Arc::clone(value), round });
            }
        }
        for (id, answer) in asked {
            tell(answer, Ok(found.get(&id).cloned()));
        }
    }
}

/// What the cache itself needs for a value, in bytes; about as much as was seen.
const ENTRY: usize = 200;

fn locked(changes: &Mutex<u64>) -> MutexGuard<'_, u64> {
    changes.lock().unwrap_or_else(PoisonError::into_inner)
}

fn stopping() -> ApiError {
    ApiError::unavailable("stopping", "The service is stopping")
}

/// Whoever does not wait any more is told nothing.
fn tell<T>(waiting: oneshot::Sender<T>, answer: T) {
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

    /// Even ids have a value: how often anything was read. Each query waits until it is let through.
    #[derive(Clone)]
    struct Even {
        queries: Arc<Cell<Vec<Vec<i64>>>>,
        let_through: Arc<Semaphore>,
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
            self.let_through.acquire().await.unwrap().forget();
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
            let source = Even { queries: Arc::default(), let_through: Arc::new(Semaphore::new(queries)) };
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
    async fn one_query_reads_for_all_who_wait() {
        let world = World::new(2).await;
        let first = Box::pin(world.cache.find(2));
        let mut all: Vec<_> = (0..50).map(|n| Box::pin(world.cache.find(4 + n % 3))).collect();
        all.push(first);
        let found = futures_util::future::join_all(all).await;
        assert!(found.iter().all(Result::is_ok));
        let queries = world.queries();
        assert!(queries.len() <= 2, "{queries:?}");
        // Now it is in memory, but for the one that does not exist.
        assert!(world.cache.find(4).await.unwrap().is_some());
        assert_eq!(world.queries(), queries);
        world.source.let_through.add_permits(2);
        assert!(world.cache.find(5).await.unwrap().is_none());
        let values = world.cache.find_all(&[6, 5, 2]).await.unwrap();
        assert_eq!(values.len(), 2);
    }

    #[tokio::test]
    async fn who_comes_while_it_is_read_causes_no_second_query() {
        let world = World::new(0).await;
        let late = async {
            while world.queries().is_empty() {
                tokio::task::yield_now().await;
            }
            let mut asked = Box::pin(world.cache.find(2));
            assert!(futures_util::poll!(&mut asked).is_pending());
            world.source.let_through.add_permits(2);
            asked.await
        };
        let (first, late) = tokio::join!(world.cache.find(2), late);
        assert_eq!((first.unwrap().as_deref(), late.unwrap().as_deref()), (Some(&1), Some(&1)));
        assert_eq!(world.queries().len(), 1);
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test itself waits for the task")]
    async fn who_asks_right_after_is_read_along() {
        let world = World::new(2).await;
        yield_now().await;
        let (mut first, cache) = (Box::pin(world.cache.find(2)), world.cache.clone());
        assert!(futures_util::poll!(&mut first).is_pending());
        // Runs after the reader has been woken.
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
    async fn what_changes_while_it_is_read_is_not_kept() {
        let world = World::new(0).await;
        let (found, ()) = tokio::join!(world.cache.find(2), async {
            while world.queries().is_empty() {
                tokio::task::yield_now().await;
            }
            world.cache.update(2, |_| ());
            world.source.let_through.add_permits(2);
        });
        assert_eq!(found.unwrap().as_deref(), Some(&1));
        assert_eq!(world.cache.find(2).await.unwrap().as_deref(), Some(&2), "it was read again");
        assert_eq!(world.cache.find(2).await.unwrap().as_deref(), Some(&2));
        let mut seen = 0;
        world.cache.update(2, |known| seen = *known);
        world.cache.update(4, |_| panic!("it is not in memory"));
        assert_eq!(seen, 2);
        world.source.let_through.add_permits(2);
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
