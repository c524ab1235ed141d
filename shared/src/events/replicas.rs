//! The replicas of one service: what one has applied, the others merge into their memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::sleep;

use super::broker::{Broker, BrokerError};
use super::consumer::{AnyConsumer, Context};
use super::envelope::{self, Key};
use crate::lifecycle::Backoff;

/// What was committed, on its way to the other replicas.
#[derive(Serialize, Deserialize)]
struct Applied<S> {
    /// Which process says so; it hears itself, too.
    #[serde(default)]
    from: u64,
    stream: String,
    /// An array of states.
    states: S,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deleted: Vec<Key>,
    /// Something before this was not heard, so everything has to be loaded again.
    #[serde(default)]
    reload: bool,
}

/// The way to the other replicas of a service.
#[derive(Clone)]
pub(crate) struct Replicas {
    id: u64,
    service: &'static str,
    broker: Arc<dyn Broker>,
    /// Something could not be told; the next message says so.
    owed: Arc<AtomicBool>,
}

impl Replicas {
    pub(super) fn new(service: &'static str, broker: Arc<dyn Broker>) -> Self {
        Self { id: rand::random(), service, broker, owed: Arc::default() }
    }

    /// Tells committed states.
    pub(super) async fn tell<T: Serialize>(&self, stream: &str, states: &[T]) {
        match envelope::written(states) {
            Ok(states) => {
                for part in envelope::in_parts(&states) {
                    self.send(stream, part, Vec::new()).await;
                }
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Something is missing from what was told: the next message says so.
    pub(super) fn owe_reload(&self) {
        self.owed.store(true, Ordering::Relaxed);
    }

    /// Tells which copies were deleted.
    pub(super) async fn tell_deleted(&self, stream: &str, deleted: Vec<Key>) {
        self.send(stream, &[], deleted).await;
    }

    /// Says that something could not be told, when that is so and nothing else was told since.
    pub(super) async fn settle(&self) {
        if self.owed.load(Ordering::Relaxed) {
            self.send("", &[], Vec::new()).await;
        }
    }

    async fn send(&self, stream: &str, states: &[Box<RawValue>], deleted: Vec<Key>) {
        let reload = self.owed.swap(false, Ordering::Relaxed);
        let applied = Applied { from: self.id, stream: stream.to_owned(), states, deleted, reload };
        let sent = match serde_json::to_vec(&applied) {
            Ok(payload) => self.broker.broadcast(self.service, &payload).await,
            Err(error) => Err(BrokerError::new(error.to_string())),
        };
        if let Err(error) = sent {
            self.failed(&error);
        }
    }

    fn failed(&self, error: &(dyn std::error::Error + 'static)) {
        self.owe_reload();
        tracing::debug!(
            error,
            "The other replicas could not be told; the next message lets them load again, within seconds."
        );
    }
}

/// Follows the other replicas of a service: binds, fills memory, then merges what they applied. Binds and fills again
/// when the connection was lost. `loaded` is called after each filling.
pub async fn follow(context: Context, consumers: Vec<Arc<dyn AnyConsumer>>, loaded: impl Fn() + Send + Sync) {
    let mut backoff = Backoff::default();
    let mut first = true;
    while !context.cancel.is_cancelled() {
        let stream = context.broker.listen(context.service).await;
        // Without the broker the first filling still makes the service useful; it is repeated once bound.
        if first || stream.is_ok() {
            match load_all(&context, &consumers).await {
                Ok(()) => {
                    first = false;
                    loaded();
                    if let Ok(stream) = stream {
                        backoff.reset();
                        merge(&context, &consumers, stream).await;
                    }
                }
                Err(error) => tracing::warn!(%error, "Memory could not be filled; trying again."),
            }
        }
        tokio::select! { () = sleep(backoff.pause()) => {}, () = context.cancel.cancelled() => {} }
    }
}

/// Merges what is heard, until the connection is lost or everything has to be loaded again.
async fn merge(context: &Context, consumers: &[Arc<dyn AnyConsumer>], mut heard: BoxStream<'static, Vec<u8>>) {
    loop {
        let payload = tokio::select! {
            payload = heard.next() => payload,
            () = context.cancel.cancelled() => None,
        };
        let Some(payload) = payload else { return };
        let Ok(applied) = serde_json::from_slice::<Applied<Box<RawValue>>>(&payload) else { continue };
        if applied.from == context.replicas.id {
            continue;
        }
        if applied.reload {
            return;
        }
        let Ok(states) = serde_json::from_str::<Vec<Box<RawValue>>>(applied.states.get()) else { continue };
        for consumer in consumers.iter().filter(|consumer| consumer.stream() == applied.stream) {
            consumer.merge(&states);
            applied.deleted.iter().for_each(|key| consumer.forget(key));
        }
        context.db.outbox().owned().merge(&applied.stream, &states);
    }
}

/// Fills memory from the copies, and forgets what is remembered of the service's own streams.
pub(crate) async fn load_all(context: &Context, consumers: &[Arc<dyn AnyConsumer>]) -> Result<(), DbErr> {
    context.db.outbox().owned().forget_all();
    for consumer in consumers {
        consumer.load(context.db.read()).await?;
    }
    Ok(())
}
