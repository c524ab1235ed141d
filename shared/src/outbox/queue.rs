//! The queue in memory from committed transactions to the relay of the same process, and the conditions under which a
//! service publishes.
//!
//! The queue is the fast path: with it, a message leaves without a query. It may lose messages, because every message
//! is also a row of the table `outbox`, which the relay sweeps (ADR 1).

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::own_memory::OwnMemories;
use super::permit::{PublishPermit, Withheld};
use super::recent::Recent;
use super::table::OutboxMessage;
use crate::clock::Timestamp;
use crate::error::ApiError;

/// The most messages that wait in memory. The sweep takes the others from the table.
const MAX_MESSAGES: usize = 10_000;
/// The most bytes of messages that wait in memory.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// For each stream, the number of states in the transactions that wrote to it, states of other streams included: 500
/// likes and 1 counter in one transaction count 501 for both streams. The relay derives the pause after a batch from
/// this number (ADR 10).
pub(crate) type StateCounts = HashMap<String, usize>;

/// The outbox of one service in this process. Clones share it.
#[derive(Clone)]
pub struct Outbox {
    service: &'static str,
    sender: mpsc::Sender<OutboxMessage>,
    receiver: Arc<tokio::sync::Mutex<mpsc::Receiver<OutboxMessage>>>,
    /// The bytes of the messages in the channel.
    waiting_bytes: Arc<AtomicUsize>,
    /// The states that transactions have carried since [`Outbox::take_messages`] was last called.
    state_counts: Arc<Mutex<StateCounts>>,
    /// True if more than `max_rows` rows waited at the last count.
    full: Arc<AtomicBool>,
    /// The last count of the table: rows, and the time of the oldest.
    backlog: Arc<Mutex<(u64, Option<Timestamp>)>>,
    max_rows: u64,
    own_memories: OwnMemories,
    permit: PublishPermit,
    recent: Recent,
}

impl Outbox {
    /// Creates the outbox of a service, which refuses to publish while more than `max_rows` rows wait in the table.
    pub fn new(service: &'static str, max_rows: u64) -> Self {
        let (sender, receiver) = mpsc::channel(MAX_MESSAGES);
        Self {
            service,
            sender,
            receiver: Arc::new(tokio::sync::Mutex::new(receiver)),
            waiting_bytes: Arc::default(),
            state_counts: Arc::default(),
            full: Arc::default(),
            backlog: Arc::default(),
            max_rows,
            own_memories: OwnMemories::default(),
            permit: PublishPermit::default(),
            recent: Recent::default(),
        }
    }

    /// Returns the name of the service.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// Returns the memories that follow the service's own streams.
    pub fn own_memories(&self) -> &OwnMemories {
        &self.own_memories
    }

    /// Returns the permit of the service to publish as the owner of its streams.
    pub fn permit(&self) -> &PublishPermit {
        &self.permit
    }

    /// Returns the versions that this process has published in the last five minutes.
    pub(crate) fn recent(&self) -> &Recent {
        &self.recent
    }

    /// Checks that states may be published now.
    ///
    /// # Errors
    /// [`PublishError::Full`] or [`PublishError::Withheld`].
    pub fn check_may_publish(&self) -> Result<(), PublishError> {
        if self.is_full() {
            return Err(PublishError::Full);
        }
        Ok(self.permit.check()?)
    }

    /// Hands the messages of a committed transaction to the relay of this process. `states` is the number of states in
    /// all of them. Messages beyond the bounds of the queue stay in the table for the sweep.
    pub(crate) fn relay_now(&self, messages: Vec<OutboxMessage>, states: usize) {
        // Each stream counts all states of the transaction, so that a stream written together with a flood keeps the
        // flood's pace.
        let streams: HashSet<&String> = messages.iter().map(|message| &message.stream).collect();
        // Counted even for messages that do not fit, because the pace follows the rate of the writes.
        let mut state_counts = self.state_counts.lock().unwrap_or_else(PoisonError::into_inner);
        streams.into_iter().for_each(|stream| *state_counts.entry(stream.clone()).or_default() += states);
        drop(state_counts);
        for message in messages {
            let bytes = message.payload.len();
            // Reserved before sending, because the relay may take the message and subtract its bytes at once.
            let before = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
            if before + bytes > MAX_BYTES || self.sender.try_send(message).is_err() {
                self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
                return;
            }
        }
    }

    /// Waits for messages. Returns at most `limit` of them, and the states that transactions have carried since the
    /// last call.
    pub(crate) async fn take_messages(&self, limit: usize) -> (Vec<OutboxMessage>, StateCounts) {
        let mut messages = Vec::new();
        self.receiver.lock().await.recv_many(&mut messages, limit).await;
        let bytes = messages.iter().map(|message| message.payload.len()).sum();
        self.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
        (messages, std::mem::take(&mut *self.state_counts.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Empties the queue, because a sweep of the whole table is about to send the same messages.
    pub(crate) async fn clear_for_sweep(&self) {
        let mut receiver = self.receiver.lock().await;
        while let Ok(message) = receiver.try_recv() {
            self.waiting_bytes.fetch_sub(message.payload.len(), Ordering::Relaxed);
        }
    }

    /// Records the relay's count of the table: the rows that wait, and the time of the oldest.
    pub(crate) fn record_backlog(&self, rows: u64, oldest: Option<Timestamp>) {
        self.full.store(rows > self.max_rows, Ordering::Relaxed);
        *self.backlog.lock().unwrap_or_else(PoisonError::into_inner) = (rows, oldest);
    }

    /// Returns the last count of the table: the rows that waited, and the time of the oldest.
    pub(crate) fn last_backlog(&self) -> (u64, Option<Timestamp>) {
        *self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns true if more rows than the configured maximum waited at the last count.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }
}

/// The reason why an event could not be published. The transaction must then be rolled back.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// More events than `OUTBOX_MAX_ROWS` wait for the broker.
    #[error("the outbox has reached its configured size")]
    Full,
    /// The permit of the service does not allow publishing now.
    #[error(transparent)]
    Withheld(#[from] Withheld),
    /// A state could not be written as JSON.
    #[error("a state could not be written: {0}")]
    Encode(#[from] serde_json::Error),
}

impl From<PublishError> for ApiError {
    /// Becomes a 503 for conditions that pass or that the operator ends, and a 500 for a state that cannot be written.
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Full => {
                Self::unavailable("outbox_full", "Too many events wait for the broker, nothing was stored")
            }
            PublishError::Withheld(Withheld::Starting) => {
                Self::unavailable("starting", "The service is starting, nothing was stored")
            }
            PublishError::Withheld(Withheld::OlderThanCopies) => Self::unavailable(
                "older_than_copies",
                "The database is older than its copies, nothing was stored; `chatty restore` makes it usable again, or \
                 `chatty reconcile --fix` if only rows of a copy were changed by hand",
            ),
            PublishError::Encode(error) => Self::internal(error),
        }
    }
}
