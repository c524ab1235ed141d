//! What a process remembers of the streams that its own service writes: caches that must not lag behind an answer.
//!
//! What a transaction has written reaches this process's memory right after the commit, before the answer, and the other
//! replicas by the same way as what a consumer has applied.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep, sleep_until};

use super::envelope::{Key, State};
use super::pace::rest_after;
use super::replicas::Replicas;
use crate::lifecycle::Cancel;

/// Transactions whose states wait to be told to the other replicas.
const QUEUE: usize = 1_024;
/// How often it is looked whether the other replicas have to be told that they missed something.
const SETTLED_EVERY: Duration = Duration::from_secs(1);

/// A memory of an own stream.
pub trait OwnMemory<S: State>: Send + Sync + 'static {
    /// Merges states by version.
    fn remember(&self, states: &[S]);

    /// Forgets everything: something may have been missed.
    fn forget_all(&self);
}

/// Memories by their streams. Clones share them.
#[derive(Clone)]
pub struct Owned {
    memories: Arc<RwLock<HashMap<&'static str, Arc<dyn AnyMemory>>>>,
    sender: mpsc::Sender<Vec<Remembered>>,
    receiver: Arc<Mutex<mpsc::Receiver<Vec<Remembered>>>>,
    /// Something could not be told.
    dropped: Arc<AtomicBool>,
}

impl Default for Owned {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        Self { memories: Arc::default(), sender, receiver: Arc::new(Mutex::new(receiver)), dropped: Arc::default() }
    }
}

/// States of one type.
type AnyStates = Box<dyn Any + Send + Sync>;

/// States of a transaction that has not ended yet, and the memory that waits for them.
pub(crate) struct Remembered {
    memory: Arc<dyn AnyMemory>,
    states: AnyStates,
}

impl Owned {
    /// Lets a memory follow a stream. Called while the service is built.
    pub fn follow<S: State>(&self, memory: impl OwnMemory<S>) {
        let memory = Arc::new(Typed { memory, states: PhantomData::<fn() -> S> });
        self.memories.write().unwrap_or_else(PoisonError::into_inner).insert(S::STREAM, memory);
    }

    /// States that a transaction writes, for the memory of their stream, if there is one.
    pub(crate) fn remembered<S: State>(&self, states: &[S]) -> Option<Remembered> {
        let memory = self.memory(S::STREAM)?;
        (!states.is_empty()).then(|| Remembered { memory, states: Box::new(states.to_vec()) })
    }

    /// The transaction has committed.
    pub(crate) fn committed(&self, remembered: Vec<Remembered>) {
        for states in &remembered {
            states.memory.remember(&*states.states);
        }
        if !remembered.is_empty() && self.sender.try_send(remembered).is_err() {
            self.dropped.store(true, Ordering::Relaxed);
        }
    }

    /// Merges states of another replica.
    pub(super) fn merge(&self, stream: &str, states: &[Box<RawValue>]) {
        if let Some(memory) = self.memory(stream) {
            memory.merge(states);
        }
    }

    /// Forgets everything.
    pub(super) fn forget_all(&self) {
        let memories = self.memories.read().unwrap_or_else(PoisonError::into_inner);
        memories.values().for_each(|memory| memory.forget_all());
    }

    fn memory(&self, stream: &str) -> Option<Arc<dyn AnyMemory>> {
        self.memories.read().unwrap_or_else(PoisonError::into_inner).get(stream).map(Arc::clone)
    }

    /// Tells the other replicas, until `cancel`.
    pub(crate) async fn tell(self, replicas: Replicas, cancel: Cancel) {
        let mut receiver = self.receiver.lock().await;
        let mut transactions = Vec::new();
        let mut rested_at = Instant::now();
        loop {
            // What was committed meanwhile is told together.
            let next = async {
                sleep_until(rested_at).await;
                receiver.recv_many(&mut transactions, QUEUE).await
            };
            tokio::select! {
                _ = next => {}
                () = sleep(SETTLED_EVERY) => replicas.settle().await,
                () = cancel.cancelled() => return,
            }
            let mut streams: BTreeMap<&'static str, (Arc<dyn AnyMemory>, Vec<AnyStates>)> = BTreeMap::new();
            for Remembered { memory, states } in transactions.drain(..).flatten() {
                streams.entry(memory.stream()).or_insert_with(|| (memory, Vec::new())).1.push(states);
            }
            let begun = Instant::now();
            let mut told = 0;
            for (stream, (memory, states)) in streams {
                let newest = memory.newest(&states);
                told += newest.len();
                replicas.tell(stream, &newest).await;
            }
            rested_at = begun + rest_after(told);
            if self.dropped.swap(false, Ordering::Relaxed) {
                replicas.owe_reload();
            }
        }
    }
}

trait AnyMemory: Send + Sync {
    fn stream(&self) -> &'static str;
    fn remember(&self, states: &(dyn Any + Send + Sync));
    fn newest(&self, states: &[AnyStates]) -> Vec<Box<RawValue>>;
    fn merge(&self, states: &[Box<RawValue>]);
    fn forget_all(&self);
}

struct Typed<S, M> {
    memory: M,
    states: PhantomData<fn() -> S>,
}

impl<S: State, M: OwnMemory<S>> AnyMemory for Typed<S, M> {
    fn stream(&self) -> &'static str {
        S::STREAM
    }

    fn remember(&self, states: &(dyn Any + Send + Sync)) {
        if let Some(states) = states.downcast_ref::<Vec<S>>() {
            self.memory.remember(states);
        }
    }

    fn newest(&self, states: &[AnyStates]) -> Vec<Box<RawValue>> {
        let mut newest: BTreeMap<Key, &S> = BTreeMap::new();
        for state in states.iter().filter_map(|states| states.downcast_ref::<Vec<S>>()).flatten() {
            let known = newest.entry(state.key()).or_insert(state);
            if known.version() < state.version() {
                *known = state;
            }
        }
        newest.values().filter_map(|state| serde_json::value::to_raw_value(state).ok()).collect()
    }

    fn merge(&self, states: &[Box<RawValue>]) {
        let states: Vec<S> = states.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect();
        self.memory.remember(&states);
    }

    fn forget_all(&self) {
        self.memory.forget_all();
    }
}
