//! Resync: a copy asks the owner for states again. Also how a drifted copy is made to forget.
//!
//! A request is a message in the queue `SERVICE.resync.v1`. The owner answers through its outbox, tombstones included,
//! to the one queue that asked, so the ordinary consumer applies it.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::sleep;
use uuid::Uuid;

use super::consumer::{AnyConsumer, ApplyError, Context, park};
use super::envelope::{Key, State};
use super::outbox::{self, OutboxMessage};
use super::topology;
use crate::db::{Db, Reads, Tx};
use crate::lifecycle::Backoff;

/// Requests taken at once.
const REQUESTS: usize = 100;
/// Aggregates whose numbers are counted again in one transaction.
const COUNTED: usize = 20;
/// States per transaction and page.
const PAGE: u64 = 500;

/// A request in a service's resync queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Request {
    /// To a copy: delete these rows if they still have these versions, then ask the owner for them.
    Forget {
        /// The stream.
        stream: String,
        /// Keys and observed versions.
        forget: Vec<(Key, i64)>,
    },
    /// To the owner: count the numbers in these states again.
    Recount {
        /// The stream.
        stream: String,
        /// The aggregates whose numbers are meant.
        recount: Vec<Key>,
    },
    /// To the owner: send these states, or all, to this queue.
    Resend {
        /// The stream.
        stream: String,
        /// The queue that asked.
        queue: String,
        /// Only these keys; absent: everything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ids: Option<Vec<Key>>,
    },
}

impl Request {
    /// The request as a message to a service.
    ///
    /// # Errors
    /// Never in practice: the request is plain data.
    pub fn message(&self, service: &str) -> Result<OutboxMessage, serde_json::Error> {
        Ok(OutboxMessage {
            id: 0,
            message_id: Uuid::now_v7().to_string(),
            stream: "resync".to_owned(),
            target: Some(topology::resync_queue(service)),
            payload: serde_json::to_vec(self)?,
        })
    }
}

/// Leaves a request in the outbox of `db`, from where the running service sends it on. For operators without a broker.
///
/// # Errors
/// When it is not certainly stored.
pub async fn leave(db: &Db, service: &str, request: &Request) -> Result<(), ApplyError> {
    let mut tx = db.begin().await?;
    write_request(&mut tx, service, request)?;
    Ok(tx.commit().await?)
}

/// Writes a request to a service into the outbox of the transaction.
///
/// # Errors
/// Never in practice: the request is plain data.
pub(super) fn write_request(tx: &mut Tx, service: &str, request: &Request) -> Result<(), ApplyError> {
    let message = request.message(service).map_err(|error| ApplyError::Permanent(error.to_string()))?;
    outbox::write(tx, message.message_id, &message.stream, message.target.as_deref(), message.payload);
    Ok(())
}

/// The owner's side of a stream: how to read its states from the owner's tables.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// The states, as they are published.
    type State: State;

    /// States in the order of their keys, tombstones included.
    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<Self::State>, DbErr>;

    /// The states of these keys, as far as they exist.
    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<Self::State>, DbErr>;

    /// Whether the states hold all that the owner knows, so that after a restore it can take lost ones back from a copy.
    const TAKES_BACK: bool = false;

    /// Stores states that are newer than the owner's own.
    async fn take_back(&self, _tx: &Tx, _states: Vec<Self::State>) -> Result<(), DbErr> {
        Ok(())
    }

    /// True when the states are numbers of other rows of the owner's, so that these can be counted again.
    const COUNTS: bool = false;

    /// The aggregates whose numbers are not what they count, with their versions.
    async fn miscounted(&self, _db: &Reads) -> Result<Vec<(Key, i64)>, DbErr> {
        Ok(Vec::new())
    }

    /// Counts again, and publishes what was wrong.
    async fn recount(&self, _tx: &mut Tx, _keys: &[Key]) -> Result<(), ApplyError> {
        Ok(())
    }
}

/// A source of any state, for lists.
#[async_trait]
pub trait AnySource: Send + Sync + 'static {
    /// The stream it owns.
    fn stream(&self) -> &'static str;
    /// States as (key, version, JSON).
    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<(Key, i64, Value)>, DbErr>;
    /// The states of these keys.
    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<(Key, i64, Value)>, DbErr>;
    /// Whether the owner takes lost states back from a copy.
    fn takes_back(&self) -> bool;
    /// Stores newer states.
    async fn take_back(&self, tx: &Tx, states: &[Value]) -> Result<(), DbErr>;
    /// True when the states are numbers that can be counted again.
    fn counts(&self) -> bool;
    /// The aggregates whose numbers are not what they count, with their versions.
    async fn miscounted(&self, db: &Reads) -> Result<Vec<(Key, i64)>, DbErr>;
    /// Counts again, and publishes what was wrong.
    async fn recount(&self, tx: &mut Tx, keys: &[Key]) -> Result<(), ApplyError>;
}

fn as_json<S: State>(states: &[S]) -> Result<Vec<(Key, i64, Value)>, DbErr> {
    let json = |state: &S| serde_json::to_value(state).map(|value| (state.key(), state.version(), value));
    states.iter().map(json).collect::<Result<_, _>>().map_err(|error| DbErr::Json(error.to_string()))
}

#[async_trait]
impl<S: Source> AnySource for S {
    fn stream(&self) -> &'static str {
        S::State::STREAM
    }

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<(Key, i64, Value)>, DbErr> {
        as_json(&Source::page(self, db, after, limit).await?)
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<(Key, i64, Value)>, DbErr> {
        as_json(&Source::find(self, db, keys).await?)
    }

    fn takes_back(&self) -> bool {
        S::TAKES_BACK
    }

    async fn take_back(&self, tx: &Tx, states: &[Value]) -> Result<(), DbErr> {
        let states: Result<Vec<S::State>, _> = states.iter().map(S::State::deserialize).collect();
        Source::take_back(self, tx, states.map_err(|error| DbErr::Json(error.to_string()))?).await
    }

    fn counts(&self) -> bool {
        S::COUNTS
    }

    async fn miscounted(&self, db: &Reads) -> Result<Vec<(Key, i64)>, DbErr> {
        Source::miscounted(self, db).await
    }

    async fn recount(&self, tx: &mut Tx, keys: &[Key]) -> Result<(), ApplyError> {
        Source::recount(self, tx, keys).await
    }
}

/// Serves a service's resync queue until cancelled.
pub async fn run(context: Context, sources: Vec<Arc<dyn AnySource>>, consumers: Vec<Arc<dyn AnyConsumer>>) {
    let queue = topology::resync_queue(context.service);
    let mut backoff = Backoff::default();
    while !context.cancel.is_cancelled() {
        match context.broker.consume(&queue, &context.db).await {
            Ok(mut subscription) => {
                backoff.reset();
                context.measured.connected("resync", true);
                loop {
                    let deliveries = tokio::select! {
                        deliveries = subscription.next(REQUESTS) => deliveries,
                        () = context.cancel.cancelled() => return,
                    };
                    let Some(deliveries) = deliveries else { break };
                    // Who finds a queue missing asks twice, and several find it: one answer serves all.
                    let mut served: HashSet<&[u8]> = HashSet::new();
                    for delivery in &deliveries {
                        if !served.insert(&delivery.payload) {
                            continue;
                        }
                        if let Err(reason) = serve(&context, &sources, &consumers, &delivery.payload).await {
                            park(subscription.as_mut(), context.service, "resync", delivery, &reason).await;
                        }
                    }
                    subscription.ack(deliveries).await;
                    context.measured.applied("resync", context.db.clock().now());
                }
                context.measured.connected("resync", false);
            }
            Err(error) => tracing::warn!(%error, queue, "The queue cannot be consumed; trying again."),
        }
        tokio::select! { () = sleep(backoff.pause()) => {}, () = context.cancel.cancelled() => return }
    }
}

/// Serves one request, as long as it takes; an error means that it is not a request.
async fn serve(
    context: &Context,
    sources: &[Arc<dyn AnySource>],
    consumers: &[Arc<dyn AnyConsumer>],
    payload: &[u8],
) -> Result<(), String> {
    let request: Request = serde_json::from_slice(payload).map_err(|error| error.to_string())?;
    let mut backoff = Backoff::default();
    loop {
        let outcome = match &request {
            Request::Resend { stream, queue, ids } => {
                let source = sources.iter().find(|source| source.stream() == stream);
                let source = source.ok_or_else(|| format!("{} does not own {stream}", context.service))?;
                resend(context, source.as_ref(), queue, ids.as_deref()).await
            }
            Request::Recount { stream, recount: keys } => {
                let source = sources.iter().find(|source| source.stream() == stream);
                let source = source.ok_or_else(|| format!("{} does not own {stream}", context.service))?;
                recount(context, source.as_ref(), keys).await
            }
            Request::Forget { stream, forget: rows } => {
                let consumer = consumers.iter().find(|consumer| consumer.stream() == stream);
                let consumer = consumer.ok_or_else(|| format!("{} does not consume {stream}", context.service))?;
                forget(context, consumer.as_ref(), rows).await
            }
        };
        match outcome {
            Ok(()) => return Ok(()),
            Err(ApplyError::Permanent(reason)) => return Err(reason),
            Err(error) => {
                tracing::warn!(%error, "A resync request could not be served yet; trying again.");
                sleep(backoff.pause()).await;
            }
        }
    }
}

async fn resend(context: &Context, source: &dyn AnySource, queue: &str, ids: Option<&[Key]>) -> Result<(), ApplyError> {
    if let Some(keys) = ids {
        for keys in keys.chunks(PAGE as usize) {
            let states = source.find(context.db.read(), keys).await?;
            write(context, source.stream(), queue, &states).await?;
        }
        return Ok(());
    }
    let mut after: Option<Key> = None;
    loop {
        let states = source.page(context.db.read(), after.as_ref(), PAGE).await?;
        let Some((last, _, _)) = states.last() else { return Ok(()) };
        after = Some(last.clone());
        write(context, source.stream(), queue, &states).await?;
    }
}

async fn recount(context: &Context, source: &dyn AnySource, keys: &[Key]) -> Result<(), ApplyError> {
    for keys in keys.chunks(COUNTED) {
        let mut tx = context.db.begin_consuming().await?;
        source.recount(&mut tx, keys).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn write(context: &Context, stream: &str, queue: &str, states: &[(Key, i64, Value)]) -> Result<(), ApplyError> {
    let states: Vec<&Value> = states.iter().map(|(_, _, state)| state).collect();
    let mut tx = context.db.begin_consuming().await?;
    outbox::send(&mut tx, stream, Some(queue), &states)?;
    Ok(tx.commit().await?)
}

/// Deletes copies that still have these versions, and asks the owner for them.
pub(super) async fn forget(
    context: &Context,
    consumer: &dyn AnyConsumer,
    rows: &[(Key, i64)],
) -> Result<(), ApplyError> {
    let stream = consumer.stream();
    let owner = topology::owner(stream).ok_or_else(|| ApplyError::Permanent(format!("nobody owns {stream}")))?;
    let keys: Vec<Key> = rows.iter().map(|(key, _)| key.clone()).collect();
    let mut tx: Tx = context.db.begin_consuming().await?;
    for (key, version) in rows {
        consumer.delete(&tx, key, *version).await?;
    }
    let request = Request::Resend {
        stream: stream.to_owned(),
        queue: topology::queue(context.service, stream),
        ids: Some(keys.clone()),
    };
    write_request(&mut tx, owner, &request)?;
    // Memory first: once this commits, the owner's answer may arrive at any moment.
    context.forget(consumer, keys).await;
    Ok(tx.commit().await?)
}
