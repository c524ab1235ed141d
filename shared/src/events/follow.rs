//! Following the other replicas: the states that they have applied are merged into the memory of this process.

use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use sea_orm::DbErr;
use serde_json::value::RawValue;
use tokio::time::sleep;

use super::any_consumer::AnyConsumer;
use super::context::Context;
use super::replicas::Applied;
use crate::tasks::Backoff;

/// Follows the other replicas of a service until cancelled: subscribes to their states, loads memory from the database,
/// then merges the states that arrive. It starts over when the subscription is lost or a replica reports a lost
/// message. `on_loaded` is called after each load.
///
/// Subscribing comes before loading: a state that is applied in between is then received, loaded, or both.
pub async fn run(context: Context, consumers: Vec<Arc<dyn AnyConsumer>>, on_loaded: impl Fn() + Send + Sync) {
    let mut backoff = Backoff::default();
    let mut is_first_load = true;
    while !context.cancel.is_cancelled() {
        let received = context.broker.subscribe_to_replicas(context.service).await;
        // Without the broker the first load still makes the service useful; memory is loaded again once the replica is
        // subscribed.
        if is_first_load || received.is_ok() {
            match load_memories(&context, &consumers).await {
                Ok(()) => {
                    is_first_load = false;
                    on_loaded();
                    if let Ok(received) = received {
                        backoff.reset();
                        merge_received(&context, &consumers, received).await;
                    }
                }
                Err(error) => tracing::warn!(%error, "Memory could not be filled; trying again."),
            }
        }
        tokio::select! { () = sleep(backoff.next_pause()) => {}, () = context.cancel.cancelled() => {} }
    }
}

/// Merges received states until the subscription is lost, everything has to be loaded again, or the task is cancelled.
async fn merge_received(
    context: &Context,
    consumers: &[Arc<dyn AnyConsumer>],
    mut received: BoxStream<'static, Vec<u8>>,
) {
    loop {
        let payload = tokio::select! {
            payload = received.next() => payload,
            () = context.cancel.cancelled() => None,
        };
        let Some(payload) = payload else { return };
        let Ok(applied) = serde_json::from_slice::<Applied<Box<RawValue>>>(&payload) else { continue };
        // A fanout exchange also returns this replica's own messages; their states are in memory already.
        if applied.from == context.replicas.id {
            continue;
        }
        if applied.reload {
            return;
        }
        let Ok(states) = serde_json::from_str::<Vec<Box<RawValue>>>(applied.states.get()) else { continue };
        for consumer in consumers.iter().filter(|consumer| consumer.stream() == applied.stream) {
            consumer.merge_into_memory(&states);
            applied.deleted.iter().for_each(|key| consumer.forget_in_memory(key));
        }
        context.db.outbox().own_memories().merge(&applied.stream, &states);
    }
}

/// Loads the memories that follow copies, and empties the memories that follow the service's own streams: these are
/// caches, which requests fill again.
pub(crate) async fn load_memories(context: &Context, consumers: &[Arc<dyn AnyConsumer>]) -> Result<(), DbErr> {
    context.db.outbox().own_memories().forget_all();
    for consumer in consumers {
        consumer.load_memory(context.db.read()).await?;
    }
    Ok(())
}
