//! The runner of consumers: receives batches, applies each in a transaction, retries, parks dead letters, and
//! acknowledges. It is written once for all streams.
//!
//! A batch is acknowledged after its commit, never before: a crash in between leads to a redelivery, which changes
//! nothing (rule R5 in docs/convergence.md). Nothing is returned to the queue, because RabbitMQ counts returns and
//! would dead-letter good messages while a database is away.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::value::RawValue;
use tokio::time::sleep;

use super::apply_error::ApplyError;
use super::broker::{Delivery, Subscription};
use super::consumer::Consumer;
use super::context::Context;
use super::topology;
use crate::clock::Timestamp;
use crate::fail_points::{self, BEFORE_ACK};
use crate::outbox::{Key, State, envelope};
use crate::tasks::Backoff;

/// The most messages that are received at once, and the most states in one transaction.
const BATCH: usize = 1_000;
/// The number of retries after an error of unknown kind. After the last one the message is parked.
const RETRIES: u32 = 5;

/// Consumes the queue of a stream until cancelled, and subscribes again whenever the subscription is lost.
pub(super) async fn run<C: Consumer>(consumer: &C, context: Context) {
    let queue = topology::queue(context.service, C::State::STREAM);
    let mut backoff = Backoff::default();
    while !context.cancel.is_cancelled() {
        match context.broker.consume(&queue, &context.db).await {
            Ok(subscription) => {
                backoff.reset();
                context.progress.record_connected(C::State::STREAM, true);
                let mut runner = Runner { consumer, context: &context, subscription };
                // Cancelling drops a batch at any await. It was not acknowledged, so it is delivered again.
                tokio::select! { () = runner.consume() => {}, () = context.cancel.cancelled() => return }
                context.progress.record_connected(C::State::STREAM, false);
            }
            Err(error) => tracing::warn!(%error, queue, "The queue cannot be consumed; trying again."),
        }
        tokio::select! { () = sleep(backoff.next_pause()) => {}, () = context.cancel.cancelled() => return }
    }
}

/// One subscription of a consumer, from its opening to its loss.
struct Runner<'a, C: Consumer> {
    consumer: &'a C,
    context: &'a Context,
    subscription: Box<dyn Subscription>,
}

impl<C: Consumer> Runner<'_, C> {
    /// Receives, applies and acknowledges batches until the subscription is lost.
    async fn consume(&mut self) {
        let progress = &self.context.progress;
        while let Some(deliveries) = self.subscription.next(BATCH).await {
            // The map keeps the newest state of each key and sorts by key: a statement cannot update one row twice, and
            // batches of competing consumers that lock rows in one order cannot deadlock.
            let mut newest: BTreeMap<Key, (C::State, usize)> = BTreeMap::new();
            let mut dead: BTreeMap<usize, String> = BTreeMap::new();
            let mut oldest: Option<Timestamp> = None;
            for (index, delivery) in deliveries.iter().enumerate() {
                match envelope::decode(&delivery.payload, C::State::STREAM) {
                    Ok(message) => {
                        oldest = Some(oldest.map_or(message.time, |oldest| oldest.min(message.time)));
                        for raw in &message.data {
                            add_newest(&mut newest, &mut dead, index, raw);
                        }
                    }
                    Err(reason) => {
                        dead.insert(index, reason);
                    }
                }
            }
            progress.record_received(C::State::STREAM, oldest);
            self.apply(newest.into_values().collect(), &mut dead).await;
            // The whole message is parked although its good states were applied. Redriving it is harmless, as applying
            // is idempotent.
            for (index, reason) in &dead {
                if let Some(delivery) = deliveries.get(*index) {
                    let subscription = self.subscription.as_mut();
                    park_until_stored(subscription, self.context.service, C::State::STREAM, delivery, reason).await;
                }
            }
            fail_points::hit(BEFORE_ACK);
            self.subscription.ack(deliveries).await;
            progress.record_applied(C::State::STREAM, self.context.db.clock().now());
        }
    }

    /// Applies states until each is committed or its message is in `dead`, which maps the index of a message to the
    /// reason. A batch that fails for good is halved until the state at fault stands alone.
    async fn apply(&self, states: Vec<(C::State, usize)>, dead: &mut BTreeMap<usize, String>) {
        let mut work: Vec<_> = states.chunks(BATCH).rev().map(<[_]>::to_vec).collect();
        while let Some(mut batch) = work.pop() {
            if batch.is_empty() {
                continue;
            }
            let states: Vec<C::State> = batch.iter().map(|(state, _)| state.clone()).collect();
            let Err(reason) = self.commit(states).await else { continue };
            if let [(_, index)] = batch.as_slice() {
                dead.insert(*index, reason);
            } else {
                work.push(batch.split_off(batch.len() / 2));
                work.push(batch);
            }
        }
    }

    /// Commits states in one transaction, and retries while the cause may pass. An error is the reason why the states
    /// cannot be stored: no retry can help, or all retries after errors of unknown kind have failed.
    async fn commit(&self, states: Vec<C::State>) -> Result<(), String> {
        let mut backoff = Backoff::default();
        let mut unknown_errors = 0;
        loop {
            match self.consumer.store(&self.context.db, states.clone()).await {
                Ok(()) => {
                    // Memory is fed after the commit, because only stored states may become visible, and before the
                    // acknowledgement, so that requests see what is acknowledged.
                    if let Some(memory) = self.consumer.memory() {
                        memory.remember(&states);
                        self.context.replicas.publish_states(C::State::STREAM, &states).await;
                    }
                    return Ok(());
                }
                Err(ApplyError::Permanent(reason)) => return Err(reason),
                Err(ApplyError::Unknown(reason)) if unknown_errors >= RETRIES => return Err(reason),
                Err(error) => {
                    unknown_errors += u32::from(matches!(error, ApplyError::Unknown(_)));
                    tracing::warn!(%error, stream = C::State::STREAM, "A batch could not be applied yet; trying again.");
                    sleep(backoff.next_pause()).await;
                }
            }
        }
    }
}

/// Parks a message as a dead letter. It retries until the broker has stored the dead letter, because the message must
/// not be acknowledged before it is stored elsewhere.
pub(super) async fn park_until_stored(
    subscription: &mut dyn Subscription,
    service: &'static str,
    stream: &'static str,
    delivery: &Delivery,
    reason: &str,
) {
    let mut backoff = Backoff::default();
    metrics::counter!("dead_letters_parked_total", "service" => service, "stream" => stream).increment(1);
    tracing::error!(reason, stream, "A message cannot be applied and is parked as a dead letter.");
    while let Err(error) = subscription.park(delivery, reason).await {
        tracing::warn!(%error, "A dead letter could not be parked; trying again.");
        // Shorter than the usual longest pause: the whole queue waits behind this message.
        sleep(backoff.next_pause().min(Duration::from_secs(5))).await;
    }
}

/// Parses one state of the message `index`, and keeps it in `newest` unless a state of the same key that is as new or
/// newer is there. A state that does not parse, or whose numbers are out of range, makes the message a dead letter.
fn add_newest<S: State>(
    newest: &mut BTreeMap<Key, (S, usize)>,
    dead: &mut BTreeMap<usize, String>,
    index: usize,
    raw: &RawValue,
) {
    let state = serde_json::from_str::<S>(raw.get()).map_err(|error| format!("not a state: {error}"));
    match state.and_then(|state| crate::outbox::check(&state).map(|()| state)) {
        Ok(state) => {
            let known = newest.get(&state.key()).is_some_and(|(known, _)| known.version() >= state.version());
            if !known {
                newest.insert(state.key(), (state, index));
            }
        }
        Err(reason) => {
            dead.insert(index, reason);
        }
    }
}
