//! Resync: serves the requests in a service's resync queue, by which copies that lost rows become complete again.
//!
//! The owner writes the requested states, tombstones included, into its outbox, addressed to the one queue that asked.
//! The ordinary consumer of that queue applies them. No snapshot is needed: the queue is bound before the first page is
//! read, so a later change arrives as an event, and copies merge both by version (rule R5 in docs/convergence.md).

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value;
use tokio::time::sleep;

use super::any_consumer::AnyConsumer;
use super::apply_error::ApplyError;
use super::context::Context;
use super::request::{Request, write_request};
use super::runner::park_until_stored;
use super::source::AnySource;
use super::topology;
use crate::outbox::Key;
use crate::tasks::Backoff;
use crate::work::{Tx, send_states};

/// The most requests that are received at once.
const BATCH: usize = 100;
/// The number of aggregates that are counted again in one transaction. Few, because a recount locks what it counts.
const RECOUNTED: usize = 20;
/// The number of states per page, each of which is written to the outbox by one transaction.
const PAGE: u64 = 500;

/// Serves the resync queue of a service until cancelled. A message that is no request to this service is parked as a
/// dead letter.
pub async fn run(context: Context, sources: Vec<Arc<dyn AnySource>>, consumers: Vec<Arc<dyn AnyConsumer>>) {
    let queue = topology::resync_queue(context.service);
    let mut backoff = Backoff::default();
    while !context.cancel.is_cancelled() {
        match context.broker.consume(&queue, &context.db).await {
            Ok(mut subscription) => {
                backoff.reset();
                context.progress.record_connected("resync", true);
                loop {
                    let deliveries = tokio::select! {
                        deliveries = subscription.next(BATCH) => deliveries,
                        () = context.cancel.cancelled() => return,
                    };
                    let Some(deliveries) = deliveries else { break };
                    // A service that finds a queue missing asks before and after it declares the queue, and several
                    // services may find it missing together: one answer serves all equal requests of a batch.
                    let mut served: HashSet<&[u8]> = HashSet::new();
                    for delivery in &deliveries {
                        if !served.insert(&delivery.payload) {
                            continue;
                        }
                        if let Err(reason) = serve(&context, &sources, &consumers, &delivery.payload).await {
                            park_until_stored(subscription.as_mut(), context.service, "resync", delivery, &reason)
                                .await;
                        }
                    }
                    // The answers are in the outbox by now, so a crash leads to a second answer and never to none.
                    subscription.ack(deliveries).await;
                    context.progress.record_applied("resync", context.db.clock().now());
                }
                context.progress.record_connected("resync", false);
            }
            Err(error) => tracing::warn!(%error, queue, "The queue cannot be consumed; trying again."),
        }
        tokio::select! { () = sleep(backoff.next_pause()) => {}, () = context.cancel.cancelled() => return }
    }
}

/// Serves one request, and retries until that succeeds. An error means that the payload is no request that this service
/// can ever serve; its text is the reason.
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
                delete_and_request(context, consumer.as_ref(), rows).await
            }
        };
        match outcome {
            Ok(()) => return Ok(()),
            Err(ApplyError::Permanent(reason)) => return Err(reason),
            // The request starts over, so states may be sent twice; copies ignore the second time.
            Err(error) => {
                tracing::warn!(%error, "A resync request could not be served yet; trying again.");
                sleep(backoff.next_pause()).await;
            }
        }
    }
}

/// Writes the states of these keys, or of the whole stream, into the outbox for `queue`.
async fn resend(context: &Context, source: &dyn AnySource, queue: &str, ids: Option<&[Key]>) -> Result<(), ApplyError> {
    if let Some(keys) = ids {
        for keys in keys.chunks(PAGE as usize) {
            let states = source.find(context.db.read(), keys).await?;
            write_states(context, source.stream(), queue, &states).await?;
        }
        return Ok(());
    }
    // A page is a transaction of its own, so that neither memory nor a transaction grows with the stream.
    let mut after: Option<Key> = None;
    loop {
        let states = source.page(context.db.read(), after.as_ref(), PAGE).await?;
        let Some((last, _, _)) = states.last() else { return Ok(()) };
        after = Some(last.clone());
        write_states(context, source.stream(), queue, &states).await?;
    }
}

async fn recount(context: &Context, source: &dyn AnySource, keys: &[Key]) -> Result<(), ApplyError> {
    for keys in keys.chunks(RECOUNTED) {
        let mut tx = context.db.begin_consuming().await?;
        source.recount(&mut tx, keys).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn write_states(
    context: &Context,
    stream: &str,
    queue: &str,
    states: &[(Key, i64, Value)],
) -> Result<(), ApplyError> {
    let states: Vec<&Value> = states.iter().map(|(_, _, state)| state).collect();
    let mut tx = context.db.begin_consuming().await?;
    // Not `publish`: these states were published before, so they need no permit and feed no memory.
    send_states(&mut tx, stream, Some(queue), &states)?;
    Ok(tx.commit().await?)
}

/// Deletes the rows of a copy that still have these versions, and asks the owner for the states of all these keys, in
/// one transaction.
pub(super) async fn delete_and_request(
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
    // Memory forgets before the commit, because the owner's answer may arrive at any moment after it.
    forget_in_memories(context, consumer, keys).await;
    Ok(tx.commit().await?)
}

/// Forgets deleted rows in the memory of this process and of the other replicas.
async fn forget_in_memories(context: &Context, consumer: &dyn AnyConsumer, deleted: Vec<Key>) {
    deleted.iter().for_each(|key| consumer.forget_in_memory(key));
    if consumer.has_memory() {
        context.replicas.publish_deleted(consumer.stream(), deleted).await;
    }
}
