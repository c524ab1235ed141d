//! The relay: publishes the messages of the outbox to the broker, and deletes the rows that the broker has confirmed.
//!
//! Messages come by two paths. On the fast path, a message that this process has just committed arrives from memory.
//! The sweep reads the table: all rows at the start and after a failure, and every 15 s the rows of that age or above,
//! such as those that a dead replica left. A message may be published twice; that is harmless, because states carry
//! versions (rule R5 in docs/convergence.md). A row is deleted only after the publisher confirm of its message, so
//! every committed version is published at least once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep, sleep_until};

use super::broker::Broker;
use super::pace::pause_after;
use crate::db;
use crate::fail_points::{self, AFTER_CONFIRM};
use crate::outbox::table::{self, Column, Entity};
use crate::outbox::{OutboxMessage, StateCounts, envelope};
use crate::tasks::{Backoff, Cancel};
use crate::work::Db;

/// The time between two counts of the table.
const COUNT_INTERVAL: Duration = Duration::from_secs(5);
/// The most messages in one batch.
const BATCH: u64 = 1_000;
/// The most bytes of one batch in flight. A broker confirms that many bytes well within the time limit, also during a
/// large resync.
const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// The number of rows that a sweep holds in memory; each may have 256 KiB.
const PAGE: u64 = 250;
/// The age from which a row is swept. Younger rows belong to the fast path of the process that wrote them.
const SWEEP_AGE: Duration = Duration::from_secs(15);
/// The time between two declarations of the topology, in case somebody removed a queue or a binding.
const DECLARE_INTERVAL: Duration = Duration::from_secs(60);
/// The time that confirmed rows may wait for their deletion, so that several deletions share one commit (ADR 1).
const DELETE_DELAY: Duration = Duration::from_millis(250);
/// The pause before a failed deletion is retried.
const DELETE_RETRY: Duration = Duration::from_secs(1);

/// Runs the relay until cancelled. Rows that are confirmed by then are deleted before it returns.
pub async fn run(db: Db, broker: Arc<dyn Broker>, cancel: Cancel) {
    let lanes = Lanes::default();
    let mut relay = Relay { db, broker, lanes, confirmed: Vec::new(), counted_at: Instant::now() };
    let mut backoff = Backoff::default();
    let mut sweep_everything = true;
    let mut sweeps = delaying_interval(SWEEP_AGE);
    let mut declarations = delaying_interval(DECLARE_INTERVAL);
    let mut counts = delaying_interval(COUNT_INTERVAL);
    let mut delete_at: Option<Instant> = None;
    let mut batches = FuturesUnordered::new();
    while !cancel.is_cancelled() {
        if sweep_everything {
            // The rows of batches in flight are still in the table, so the sweep would publish them once more.
            while let Some(outcome) = batches.next().await {
                relay.record_outcome(outcome);
            }
            match relay.sweep(None).await {
                Ok(true) => {
                    sweep_everything = false;
                    backoff.reset();
                }
                Ok(false) => {
                    tokio::select! { () = sleep(backoff.next_pause()) => {}, () = cancel.cancelled() => {} }
                    // The counts below are not reached while the broker is away, which is when the backlog grows.
                    relay.report_backlog().await;
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "The outbox could not be read; trying again.");
                    tokio::select! { () = sleep(backoff.next_pause()) => {}, () = cancel.cancelled() => {} }
                    continue;
                }
            }
        }
        let (outbox, free_slots) = (relay.db.outbox().clone(), relay.lanes.free_slots());
        let due = relay.lanes.next_due(Instant::now());
        tokio::select! {
            // Without free slots the fast path is not read: its channel fills up, and further messages stay for the
            // sweep.
            (messages, state_counts) = outbox.take_messages(free_slots), if free_slots > 0 => {
                relay.lanes.add(messages, &state_counts, Instant::now());
            }
            () = sleep_until_due(due) => {
                let (streams, messages) = relay.lanes.take_due(Instant::now());
                batches.push(publish_batch(outbox.service(), Arc::clone(&relay.broker), streams, messages));
            }
            Some(outcome) = batches.next() => {
                sweep_everything |= relay.record_outcome(outcome);
                // A full batch is worth a commit of its own; fewer rows wait for others.
                if relay.confirmed.len() >= BATCH as usize {
                    relay.delete_confirmed().await;
                } else if !relay.confirmed.is_empty() && delete_at.is_none() {
                    delete_at = Some(Instant::now() + DELETE_DELAY);
                }
            }
            () = sleep_until_due(delete_at) => {
                relay.delete_confirmed().await;
                delete_at = (!relay.confirmed.is_empty()).then(|| Instant::now() + DELETE_RETRY);
            }
            _ = sweeps.tick() => {
                match relay.sweep(Some(SWEEP_AGE)).await {
                    Ok(complete) => sweep_everything |= !complete,
                    Err(error) => tracing::warn!(%error, "The outbox could not be swept; trying again."),
                }
            }
            _ = declarations.tick() => {
                if let Err(error) = relay.broker.declare_topology().await {
                    tracing::warn!(%error, "Queues and bindings could not be declared; trying again in a minute.");
                }
            }
            _ = counts.tick() => relay.report_backlog().await,
            () = cancel.cancelled() => {}
        }
    }
    // Each confirm that still arrives saves a repetition after the next start.
    while let Some(outcome) = batches.next().await {
        relay.record_outcome(outcome);
    }
    relay.delete_confirmed().await;
}

/// Creates an interval that does not catch up on ticks that passed while the relay was busy.
fn delaying_interval(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

/// Sleeps until `at`, or for ever when it is `None`.
async fn sleep_until_due(at: Option<Instant>) {
    match at {
        // Tokio's timer would round a time in the past up to the next millisecond.
        Some(at) if at <= Instant::now() => {}
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The messages that wait for their next batch, in one lane per stream.
///
/// Each stream has a pace of its own, so that a flood of one stream does not delay another. A stream that is written
/// together with a flood, such as the counters of a post with its likes, keeps the pace of the flood.
#[derive(Default)]
struct Lanes(BTreeMap<String, Lane>);

struct Lane {
    messages: Vec<OutboxMessage>,
    /// The number of states in the transactions that wrote these messages, which sets the pause after their batch.
    state_count: usize,
    /// The time at which the pause after the last batch ends.
    next_at: Instant,
    /// True while the last batch has not been confirmed.
    is_sending: bool,
}

impl Lane {
    fn new(now: Instant) -> Self {
        Self { messages: Vec::new(), state_count: 0, next_at: now, is_sending: false }
    }

    /// Returns whether a batch of this stream can leave once its pause is over. One batch of a stream is in flight at a
    /// time.
    fn is_waiting(&self) -> bool {
        !self.is_sending && !self.messages.is_empty()
    }
}

impl Lanes {
    /// Returns the number of messages that can be added before the lanes hold a full batch.
    fn free_slots(&self) -> usize {
        let waiting: usize = self.0.values().map(|lane| lane.messages.len()).sum();
        (BATCH as usize).saturating_sub(waiting)
    }

    fn add(&mut self, messages: Vec<OutboxMessage>, state_counts: &StateCounts, now: Instant) {
        for message in messages {
            self.0.entry(message.stream.clone()).or_insert_with(|| Lane::new(now)).messages.push(message);
        }
        for (stream, states) in state_counts {
            self.0.entry(stream.clone()).or_insert_with(|| Lane::new(now)).state_count += states;
        }
    }

    /// Returns the time at which the next batch may leave; `None` when nothing waits. When the lanes are full, the
    /// batch may leave at once.
    fn next_due(&self, now: Instant) -> Option<Instant> {
        let due = self.0.values().filter(|lane| lane.is_waiting()).map(|lane| lane.next_at).min();
        due.map(|at| if self.free_slots() == 0 { now } else { at })
    }

    /// Takes the messages whose pause is over, or all waiting messages when the lanes are full. Returns them with their
    /// streams.
    fn take_due(&mut self, now: Instant) -> (Vec<String>, Vec<OutboxMessage>) {
        let is_full = self.free_slots() == 0;
        let (mut streams, mut messages) = (Vec::new(), Vec::new());
        for (stream, lane) in
            self.0.iter_mut().filter(|(_, lane)| lane.is_waiting() && (is_full || lane.next_at <= now))
        {
            streams.push(stream.clone());
            messages.append(&mut lane.messages);
            lane.next_at = now + pause_after(std::mem::take(&mut lane.state_count));
            lane.is_sending = true;
        }
        (streams, messages)
    }

    /// Records that the batch of these streams is no longer in flight.
    fn finish_batch(&mut self, streams: &[String]) {
        for stream in streams {
            if let Some(lane) = self.0.get_mut(stream) {
                lane.is_sending = false;
            }
        }
    }
}

/// The outcome of publishing a batch.
struct BatchOutcome {
    /// The streams of the batch.
    streams: Vec<String>,
    /// The ids of outbox rows whose messages were confirmed.
    confirmed: Vec<i64>,
    /// True when a message was not confirmed although the broker may accept it later. An unroutable message does not
    /// count: it stays in the table, for the next sweep and for the operator to see.
    failed: bool,
}

/// Publishes messages in parts of at most [`BATCH_BYTES`], until a part has failed as [`BatchOutcome::failed`]
/// describes. The rows of messages that are not confirmed stay in the table.
async fn publish_batch(
    service: &'static str,
    broker: Arc<dyn Broker>,
    streams: Vec<String>,
    messages: Vec<OutboxMessage>,
) -> BatchOutcome {
    let (joined, rows): (Vec<OutboxMessage>, Vec<Vec<i64>>) = join_messages(service, messages).into_iter().unzip();
    let (mut rest, mut rows) = (joined.as_slice(), rows.into_iter());
    let mut outcome = BatchOutcome { streams, confirmed: Vec::new(), failed: false };
    while !rest.is_empty() && !outcome.failed {
        let (part, later) = rest.split_at(count_within(rest, BATCH_BYTES));
        rest = later;
        for ((message, result), rows) in part.iter().zip(broker.publish(part).await).zip(&mut rows) {
            match result {
                Ok(()) => outcome.confirmed.extend(rows),
                Err(error) => {
                    outcome.failed |= !error.is_unroutable();
                    tracing::warn!(%error, message.id = message.message_id, "A message stays in the outbox.");
                }
            }
        }
        if !outcome.confirmed.is_empty() {
            fail_points::hit(AFTER_CONFIRM);
        }
    }
    outcome
}

struct Relay {
    db: Db,
    broker: Arc<dyn Broker>,
    lanes: Lanes,
    /// The ids of rows that are confirmed and not deleted yet.
    confirmed: Vec<i64>,
    /// The time of the last count of the table.
    counted_at: Instant,
}

impl Relay {
    /// Records the outcome of a batch. Returns whether the batch failed.
    fn record_outcome(&mut self, outcome: BatchOutcome) -> bool {
        self.lanes.finish_batch(&outcome.streams);
        self.confirmed.extend(outcome.confirmed);
        outcome.failed
    }

    /// Publishes the rows of the table that are older than `age`, or all rows. Returns false when a message was not
    /// confirmed. Of the replicas of a service one sweeps; for the others this does nothing and returns true.
    async fn sweep(&mut self, age: Option<Duration>) -> Result<bool, DbErr> {
        if !db::try_sweeper_lock(self.db.relay()).await? {
            return Ok(true);
        }
        // Confirmed rows would otherwise be read and published once more.
        self.delete_confirmed().await;
        if age.is_none() {
            // The table holds the same messages as the fast path and the lanes. A message that is committed from here
            // on comes by both paths, which is harmless.
            self.db.outbox().clear_for_sweep().await;
            self.lanes = Lanes::default();
        }
        let mut after = 0;
        loop {
            let mut query = Entity::find().filter(Column::Id.gt(after)).order_by_asc(Column::Id).limit(PAGE);
            if let Some(age) = age {
                query = query.filter(table::older_than(self.db.relay(), self.db.clock().now(), age));
            }
            // The id is a cursor within this one sweep only: transactions commit in another order than they took their
            // ids, so a row may become visible behind the cursor. The next sweep finds it.
            let rows: Vec<OutboxMessage> = query.all(self.db.relay()).await?.into_iter().map(Into::into).collect();
            let Some(last) = rows.last() else { return Ok(true) };
            after = last.id;
            let outcome = publish_batch(self.db.outbox().service(), Arc::clone(&self.broker), Vec::new(), rows).await;
            let failed = self.record_outcome(outcome);
            self.delete_confirmed().await;
            // Writes are refused while the outbox is full. The count permits them again when a long sweep has made
            // room.
            if self.counted_at.elapsed() > COUNT_INTERVAL {
                self.report_backlog().await;
            }
            if failed {
                return Ok(false);
            }
        }
    }

    /// Deletes the confirmed rows. Rows that cannot be deleted now stay in the list for a later call.
    async fn delete_confirmed(&mut self) {
        let confirmed = std::mem::take(&mut self.confirmed);
        for ids in confirmed.chunks(BATCH as usize) {
            let rows = Entity::delete_many().filter(Column::Id.is_in(ids.iter().copied()));
            if let Err(error) = rows.exec(self.db.relay()).await {
                tracing::warn!(%error, "Confirmed messages could not be deleted yet.");
                self.confirmed.extend(ids);
            }
        }
    }

    /// Counts the rows of the table, for the gauges and for the limit above which writes are refused.
    async fn report_backlog(&mut self) {
        self.counted_at = Instant::now();
        let service = self.db.outbox().service();
        match table::backlog(self.db.relay()).await {
            Ok((rows, oldest)) => {
                self.db.outbox().record_backlog(rows, oldest);
                let age = oldest.map_or(0.0, |at| self.db.clock().now().since(at).as_secs_f64());
                metrics::gauge!("outbox_rows", "service" => service).set(rows as f64);
                metrics::gauge!("outbox_oldest_seconds", "service" => service).set(age);
            }
            Err(error) => tracing::debug!(%error, "The outbox could not be counted."),
        }
    }
}

/// Joins the messages of each stream into as few as the size limits allow, and returns each with the ids of the outbox
/// rows that it carries. Many small transactions then cost the broker and the consumers no more than one large
/// transaction (ADR 10). Messages for a single queue stay as they are.
fn join_messages(service: &str, mut messages: Vec<OutboxMessage>) -> Vec<(OutboxMessage, Vec<i64>)> {
    let destination = |message: &OutboxMessage| (message.target.clone(), message.stream.clone());
    // The sort is stable, so messages of one destination become neighbours in the order of their rows.
    messages.sort_by_cached_key(destination);
    let can_join = |a: &OutboxMessage, b: &OutboxMessage| a.target.is_none() && destination(a) == destination(b);
    let mut joined = Vec::with_capacity(messages.len());
    for same_stream in messages.chunk_by(can_join) {
        let unjoined = || same_stream.iter().map(|message| (message.clone(), vec![message.id])).collect();
        joined.extend(match same_stream {
            [_] => unjoined(),
            _ => join_stream(service, same_stream).unwrap_or_else(|error| {
                // Nobody but this service writes its outbox, so this is a defect. The consumers park what they cannot
                // read.
                tracing::error!(%error, "A message of the outbox cannot be read and is sent as it is.");
                unjoined()
            }),
        });
    }
    joined
}

/// Joins messages of one stream, and returns each with the ids of the rows that it carries. The `id` of every joined
/// message is that of the first message in `messages`.
fn join_stream(service: &str, messages: &[OutboxMessage]) -> Result<Vec<(OutboxMessage, Vec<i64>)>, serde_json::Error> {
    let Some(first) = messages.first() else { return Ok(Vec::new()) };
    let payloads: Vec<&[u8]> = messages.iter().map(|message| message.payload.as_slice()).collect();
    let mut ids = messages.iter().map(|message| message.id);
    let joined = envelope::join(service, &first.stream, &payloads)?.into_iter().map(|(id, payload, rows)| {
        let rows: Vec<i64> = ids.by_ref().take(rows).collect();
        let (message_id, stream) = (id.to_string(), first.stream.clone());
        (OutboxMessage { id: first.id, message_id, stream, target: None, payload }, rows)
    });
    Ok(joined.collect())
}

/// Counts how many of the first messages have at most `bytes` bytes together; at least one, so that a larger one leaves
/// too.
fn count_within(messages: &[OutboxMessage], bytes: usize) -> usize {
    let mut sum = 0;
    let fit = messages.iter().take_while(|message| {
        sum += message.payload.len();
        sum <= bytes
    });
    fit.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(stream: &str, count: usize) -> Vec<OutboxMessage> {
        let message = |id| OutboxMessage {
            id,
            message_id: id.to_string(),
            stream: stream.to_owned(),
            target: None,
            payload: Vec::new(),
        };
        (1..).map(message).take(count).collect()
    }

    fn state_counts(stream: &str, states: usize) -> StateCounts {
        StateCounts::from([(stream.to_owned(), states)])
    }

    #[test]
    fn a_flood_of_one_stream_keeps_no_other_waiting() {
        let (mut lanes, begun) = (Lanes::default(), Instant::now());
        assert_eq!(lanes.next_due(begun), None);
        lanes.add(messages("like", 1), &state_counts("like", 100), begun);
        assert_eq!(lanes.next_due(begun), Some(begun));
        assert_eq!(lanes.take_due(begun), (vec!["like".to_owned()], messages("like", 1)));
        assert_eq!(lanes.next_due(begun), None);

        lanes.add(messages("like", 2), &state_counts("like", 2), begun);
        assert_eq!(lanes.next_due(begun), None, "one batch of a stream is under way at a time");
        lanes.add(messages("post", 3), &state_counts("post", 3), begun);
        assert_eq!(lanes.next_due(begun), Some(begun));
        let next_at = begun + pause_after(100);
        assert_eq!(lanes.take_due(next_at), (vec!["post".to_owned()], messages("post", 3)));
        lanes.finish_batch(&["like".to_owned()]);
        assert_eq!(lanes.next_due(begun), Some(next_at));
        assert_eq!(lanes.take_due(next_at), (vec!["like".to_owned()], messages("like", 2)));
        assert_eq!(lanes.free_slots(), 1_000);
    }

    #[test]
    fn what_fills_a_batch_leaves_at_once() {
        let (mut lanes, begun) = (Lanes::default(), Instant::now());
        lanes.add(messages("like", 1), &state_counts("like", 1), begun);
        let (streams, _) = lanes.take_due(begun);
        lanes.finish_batch(&streams);
        lanes.add(messages("like", 999), &StateCounts::default(), begun);
        assert_eq!((lanes.free_slots(), lanes.next_due(begun)), (1, Some(begun + pause_after(1))));
        lanes.add(messages("like", 1), &StateCounts::default(), begun);
        assert_eq!((lanes.free_slots(), lanes.next_due(begun)), (0, Some(begun)));
        assert_eq!(lanes.take_due(begun).1.len(), 1_000);
    }
}
