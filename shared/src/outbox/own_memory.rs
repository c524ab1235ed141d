//! Memories that follow the streams which this service itself writes, such as caches of posts.
//!
//! A client that was answered 2xx must be able to read its own write, so these memories must not lag behind the answer.
//! A transaction's states are therefore merged after the commit and before the answer. Afterwards they are sent to the
//! other replicas, like states that a consumer has applied (ADR 9).

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::value::RawValue;
use tokio::sync::{Mutex, mpsc};

use super::state::{Key, State};

/// The most transactions whose states wait to be sent to the other replicas.
const MAX_WAITING: usize = 1_024;

/// A memory of a stream that the service itself writes.
pub trait OwnMemory<S: State>: Send + Sync + 'static {
    /// Merges states: of each key the highest version stays (rule R5 in docs/convergence.md).
    fn remember(&self, states: &[S]);

    /// Forgets everything, because states may have been missed. The memory then reads from the database again.
    fn forget_all(&self);
}

/// The memories of a service, one for each stream that has one, and the queue of states for the other replicas. Clones
/// share them.
#[derive(Clone)]
pub struct OwnMemories {
    memories: Arc<RwLock<HashMap<&'static str, Arc<dyn AnyMemory>>>>,
    sender: mpsc::Sender<Vec<PendingStates>>,
    receiver: Arc<Mutex<mpsc::Receiver<Vec<PendingStates>>>>,
    /// True if states were dropped from the queue since [`OwnMemories::take_dropped`] was last called.
    dropped: Arc<AtomicBool>,
}

impl Default for OwnMemories {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        Self { memories: Arc::default(), sender, receiver: Arc::new(Mutex::new(receiver)), dropped: Arc::default() }
    }
}

/// A `Vec<S>` of states whose type is erased, so that states of different streams fit into one queue.
type AnyStates = Box<dyn Any + Send + Sync>;

/// States of one stream that a transaction has written, and the memory that merges them after the commit.
pub(crate) struct PendingStates {
    memory: Arc<dyn AnyMemory>,
    states: AnyStates,
}

impl OwnMemories {
    /// Registers a memory for the stream of `S`, in place of an earlier one. Call it while the service is built: the
    /// memory misses a state that is committed before the call.
    pub fn follow<S: State>(&self, memory: impl OwnMemory<S>) {
        let memory = Arc::new(Typed { memory, states: PhantomData::<fn() -> S> });
        self.memories.write().unwrap_or_else(PoisonError::into_inner).insert(S::STREAM, memory);
    }

    /// Prepares states of a transaction for the memory of their stream. `None` if there are none, or no memory follows
    /// the stream.
    pub(crate) fn prepare<S: State>(&self, states: &[S]) -> Option<PendingStates> {
        let memory = self.memory(S::STREAM)?;
        (!states.is_empty()).then(|| PendingStates { memory, states: Box::new(states.to_vec()) })
    }

    /// Merges the states of a transaction that has committed, and queues them for the other replicas.
    pub(crate) fn merge_committed(&self, pending: Vec<PendingStates>) {
        for states in &pending {
            states.memory.remember(&*states.states);
        }
        // A full queue must not hold up the answer. The other replicas are told to load everything again instead.
        if !pending.is_empty() && self.sender.try_send(pending).is_err() {
            self.dropped.store(true, Ordering::Relaxed);
        }
    }

    /// Merges states that another replica has committed.
    pub(crate) fn merge(&self, stream: &str, states: &[Box<RawValue>]) {
        if let Some(memory) = self.memory(stream) {
            memory.merge(states);
        }
    }

    /// Empties all memories.
    pub(crate) fn forget_all(&self) {
        let memories = self.memories.read().unwrap_or_else(PoisonError::into_inner);
        memories.values().for_each(|memory| memory.forget_all());
    }

    fn memory(&self, stream: &str) -> Option<Arc<dyn AnyMemory>> {
        self.memories.read().unwrap_or_else(PoisonError::into_inner).get(stream).map(Arc::clone)
    }

    /// Waits for committed transactions, and returns the newest states of each stream as JSON. No key occurs twice.
    pub(crate) async fn committed_states(&self) -> Vec<(&'static str, Vec<Box<RawValue>>)> {
        let mut transactions = Vec::new();
        self.receiver.lock().await.recv_many(&mut transactions, MAX_WAITING).await;
        // One key may have been written by many transactions, and the other replicas need only its newest state.
        let mut streams: BTreeMap<&'static str, (Arc<dyn AnyMemory>, Vec<AnyStates>)> = BTreeMap::new();
        for PendingStates { memory, states } in transactions.into_iter().flatten() {
            streams.entry(memory.stream()).or_insert_with(|| (memory, Vec::new())).1.push(states);
        }
        streams.into_iter().map(|(stream, (memory, states))| (stream, memory.newest(&states))).collect()
    }

    /// Returns true if states were dropped since the last call because the queue was full, so that other replicas have
    /// missed them.
    pub(crate) fn take_dropped(&self) -> bool {
        self.dropped.swap(false, Ordering::Relaxed)
    }
}

/// An [`OwnMemory`] whose type of states is erased.
trait AnyMemory: Send + Sync {
    fn stream(&self) -> &'static str;
    /// Merges states of the memory's own type. States of another type are ignored.
    fn remember(&self, states: &(dyn Any + Send + Sync));
    /// Keeps the highest version of each key, and writes these states as JSON.
    fn newest(&self, states: &[AnyStates]) -> Vec<Box<RawValue>>;
    /// Merges states that are JSON. States that cannot be read are skipped.
    fn merge(&self, states: &[Box<RawValue>]);
    fn forget_all(&self);
}

/// The bridge from a memory with its type of states to [`AnyMemory`].
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
            let highest = newest.entry(state.key()).or_insert(state);
            if highest.version() < state.version() {
                *highest = state;
            }
        }
        newest.values().filter_map(|state| serde_json::value::to_raw_value(state).ok()).collect()
    }

    fn merge(&self, states: &[Box<RawValue>]) {
        // A replica of another version may send states that this one cannot read.
        let states: Vec<S> = states.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect();
        self.memory.remember(&states);
    }

    fn forget_all(&self) {
        self.memory.forget_all();
    }
}
