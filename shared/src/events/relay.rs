//! The relay: takes messages from the outbox to the broker and deletes what is confirmed.
//!
//! The fast path takes what this process has just committed from memory. The sweep takes what is left over in the table:
//! everything at the start and after a failure, and rows older than 15 s at any time, such as those of a dead replica.
//! A message may be sent twice; that is harmless, because states carry versions.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::broker::Broker;
use super::envelope;
use super::outbox::{self, Carried, Column, Entity, OutboxMessage};
use super::pace::rest_after;
use crate::db::{self, Db};
use crate::fail_points::{self, AFTER_CONFIRM};
use crate::lifecycle::{Backoff, Cancel};

/// How often the table is counted.
const MEASURE: Duration = Duration::from_secs(5);
/// Messages of one batch.
const BATCH: u64 = 1_000;
/// Bytes of one batch in flight: what a broker confirms well within its time, also of large resyncs.
const BYTES: usize = 8 * 1024 * 1024;
/// Rows that a sweep holds in memory; each may have 256 KiB.
const PAGE: u64 = 250;
/// Rows younger than this belong to the fast path of whoever wrote them.
const SWEEP_AGE: Duration = Duration::from_secs(15);
/// How often queues and bindings are declared, in case somebody removed them.
const DECLARE: Duration = Duration::from_secs(60);
/// How long confirmed rows may wait for their deletion, so that several share one commit.
const DELETE_DELAY: Duration = Duration::from_millis(250);
/// The pause before a deletion that failed is tried again.
const DELETE_RETRY: Duration = Duration::from_secs(1);

/// Runs the relay until `cancel`; what is confirmed by then is deleted.
pub async fn run(db: Db, broker: Arc<dyn Broker>, cancel: Cancel) {
    let lanes = Lanes::default();
    let mut relay = Relay { db, broker, lanes, confirmed: Vec::new(), measured: Instant::now() };
    let mut backoff = Backoff::default();
    let mut everything = true;
    let mut sweeps = interval(SWEEP_AGE);
    sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut declarations = interval(DECLARE);
    declarations.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut gauges = interval(MEASURE);
    gauges.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut flush_at: Option<Instant> = None;
    let mut batches = FuturesUnordered::new();
    while !cancel.is_cancelled() {
        if everything {
            // They would be sent once more.
            while let Some(sent) = batches.next().await {
                relay.note(sent);
            }
            match relay.sweep(None).await {
                Ok(true) => {
                    everything = false;
                    backoff.reset();
                }
                Ok(false) => {
                    tokio::select! { () = sleep(backoff.pause()) => {}, () = cancel.cancelled() => {} }
                    relay.measure().await;
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "The outbox could not be read; trying again.");
                    tokio::select! { () = sleep(backoff.pause()) => {}, () = cancel.cancelled() => {} }
                    continue;
                }
            }
        }
        let (outbox, room, due) = (relay.db.outbox().clone(), relay.lanes.room(), relay.lanes.due(Instant::now()));
        tokio::select! {
            (messages, carried) = outbox.take(room), if room > 0 => relay.lanes.add(messages, &carried, Instant::now()),
            () = until(due) => {
                let (streams, messages) = relay.lanes.take(Instant::now());
                batches.push(send(outbox.service(), Arc::clone(&relay.broker), streams, messages));
            }
            Some(sent) = batches.next() => {
                everything |= relay.note(sent);
                if relay.confirmed.len() >= BATCH as usize {
                    relay.delete_confirmed().await;
                } else if !relay.confirmed.is_empty() && flush_at.is_none() {
                    flush_at = Some(Instant::now() + DELETE_DELAY);
                }
            }
            () = until(flush_at) => {
                relay.delete_confirmed().await;
                flush_at = (!relay.confirmed.is_empty()).then(|| Instant::now() + DELETE_RETRY);
            }
            _ = sweeps.tick() => {
                match relay.sweep(Some(SWEEP_AGE)).await {
                    Ok(complete) => everything |= !complete,
                    Err(error) => tracing::warn!(%error, "The outbox could not be swept; trying again."),
                }
            }
            _ = declarations.tick() => {
                if let Err(error) = relay.broker.declare().await {
                    tracing::warn!(%error, "Queues and bindings could not be declared; trying again in a minute.");
                }
            }
            _ = gauges.tick() => relay.measure().await,
            () = cancel.cancelled() => {}
        }
    }
    while let Some(sent) = batches.next().await {
        relay.note(sent);
    }
    relay.delete_confirmed().await;
}

/// Waits until then; without a time for ever.
async fn until(at: Option<Instant>) {
    match at {
        // The runtime's clock would round it up to the next millisecond.
        Some(at) if at <= Instant::now() => {}
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// What waits for the next batch: each stream paces itself, so that a flood of one keeps no other waiting. A stream that is
/// written together with a flood, as the counters of a post with its likes, keeps the flood's pace.
#[derive(Default)]
struct Lanes(BTreeMap<String, Lane>);

struct Lane {
    messages: Vec<OutboxMessage>,
    /// States of the transactions that wrote these.
    carried: usize,
    rested_at: Instant,
    /// Whether its last batch is under way.
    sending: bool,
}

impl Lane {
    fn new(now: Instant) -> Self {
        Self { messages: Vec::new(), carried: 0, rested_at: now, sending: false }
    }

    fn waits(&self) -> bool {
        !self.sending && !self.messages.is_empty()
    }
}

impl Lanes {
    /// How many messages may be added.
    fn room(&self) -> usize {
        let waiting: usize = self.0.values().map(|lane| lane.messages.len()).sum();
        (BATCH as usize).saturating_sub(waiting)
    }

    fn add(&mut self, messages: Vec<OutboxMessage>, carried: &Carried, now: Instant) {
        for message in messages {
            self.0.entry(message.stream.clone()).or_insert_with(|| Lane::new(now)).messages.push(message);
        }
        for (stream, states) in carried {
            self.0.entry(stream.clone()).or_insert_with(|| Lane::new(now)).carried += states;
        }
    }

    /// When the next batch may leave, if anything waits. A full one leaves at once.
    fn due(&self, now: Instant) -> Option<Instant> {
        let due = self.0.values().filter(|lane| lane.waits()).map(|lane| lane.rested_at).min();
        due.map(|at| if self.room() == 0 { now } else { at })
    }

    /// What is due, or everything if there is room for no more, with the streams that it is of.
    fn take(&mut self, now: Instant) -> (Vec<String>, Vec<OutboxMessage>) {
        let full = self.room() == 0;
        let (mut streams, mut messages) = (Vec::new(), Vec::new());
        for (stream, lane) in self.0.iter_mut().filter(|(_, lane)| lane.waits() && (full || lane.rested_at <= now)) {
            streams.push(stream.clone());
            messages.append(&mut lane.messages);
            lane.rested_at = now + rest_after(std::mem::take(&mut lane.carried));
            lane.sending = true;
        }
        (streams, messages)
    }

    /// Notes that the batch of these streams is no longer under way.
    fn sent(&mut self, streams: &[String]) {
        for stream in streams {
            if let Some(lane) = self.0.get_mut(stream) {
                lane.sending = false;
            }
        }
    }
}

/// What became of a batch.
struct Sent {
    /// The streams that it was of.
    streams: Vec<String>,
    /// Rows of the outbox that are no longer needed.
    confirmed: Vec<i64>,
    /// Whether something was not confirmed that the broker may take later. What no queue takes does not count: it stays
    /// in the table, for the next sweep and for the operator to see.
    failed: bool,
}

/// Publishes messages, until one is not confirmed. Such a one stays in the table.
async fn send(
    service: &'static str,
    broker: Arc<dyn Broker>,
    streams: Vec<String>,
    messages: Vec<OutboxMessage>,
) -> Sent {
    let (parcels, rows): (Vec<OutboxMessage>, Vec<Vec<i64>>) = join(service, messages).into_iter().unzip();
    let (mut rest, mut rows) = (parcels.as_slice(), rows.into_iter());
    let mut sent = Sent { streams, confirmed: Vec::new(), failed: false };
    while !rest.is_empty() && !sent.failed {
        let (batch, later) = rest.split_at(within(rest, BYTES));
        rest = later;
        for ((message, result), rows) in batch.iter().zip(broker.publish(batch).await).zip(&mut rows) {
            match result {
                Ok(()) => sent.confirmed.extend(rows),
                Err(error) => {
                    sent.failed |= !error.is_unroutable();
                    tracing::warn!(%error, message.id = message.message_id, "A message stays in the outbox.");
                }
            }
        }
        if !sent.confirmed.is_empty() {
            fail_points::pass(AFTER_CONFIRM);
        }
    }
    sent
}

struct Relay {
    db: Db,
    broker: Arc<dyn Broker>,
    lanes: Lanes,
    confirmed: Vec<i64>,
    measured: Instant,
}

impl Relay {
    /// Notes what became of a batch; whether it failed.
    fn note(&mut self, sent: Sent) -> bool {
        self.lanes.sent(&sent.streams);
        self.confirmed.extend(sent.confirmed);
        sent.failed
    }

    /// Sends what lies in the table; false when something was not confirmed.
    async fn sweep(&mut self, age: Option<Duration>) -> Result<bool, DbErr> {
        if !db::try_sweeper_lock(self.db.relay()).await? {
            return Ok(true);
        }
        self.delete_confirmed().await;
        if age.is_none() {
            // What is committed from here on comes by both ways, which is harmless.
            self.db.outbox().leave_to_sweep().await;
            self.lanes = Lanes::default();
        }
        let mut after = 0;
        loop {
            let mut query = Entity::find().filter(Column::Id.gt(after)).order_by_asc(Column::Id).limit(PAGE);
            if let Some(age) = age {
                query = query.filter(db::outbox_older_than(self.db.relay(), self.db.clock().now(), age));
            }
            // The id is a cursor within this one pass only; what becomes visible behind it waits for the next pass.
            let rows: Vec<OutboxMessage> = query.all(self.db.relay()).await?.into_iter().map(Into::into).collect();
            let Some(last) = rows.last() else { return Ok(true) };
            after = last.id;
            let sent = send(self.db.outbox().service(), Arc::clone(&self.broker), Vec::new(), rows).await;
            let failed = self.note(sent);
            self.delete_confirmed().await;
            // A long pass may be what lets writes in again.
            if self.measured.elapsed() > MEASURE {
                self.measure().await;
            }
            if failed {
                return Ok(false);
            }
        }
    }

    /// Deletes what is confirmed. What cannot be deleted now is tried again later.
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

    async fn measure(&mut self) {
        self.measured = Instant::now();
        let service = self.db.outbox().service();
        match outbox::backlog(self.db.relay()).await {
            Ok((rows, oldest)) => {
                self.db.outbox().note_backlog(rows, oldest);
                let age = oldest.map_or(0.0, |at| self.db.clock().now().since(at).as_secs_f64());
                metrics::gauge!("outbox_rows", "service" => service).set(rows as f64);
                metrics::gauge!("outbox_oldest_seconds", "service" => service).set(age);
            }
            Err(error) => tracing::debug!(%error, "The outbox could not be counted."),
        }
    }
}

/// Joins the messages of each stream, so that many small transactions cost the broker and the consumers no more than a
/// large one: what is sent, and the rows of the outbox that it carries. What one queue asked for is sent as it is.
fn join(service: &str, mut messages: Vec<OutboxMessage>) -> Vec<(OutboxMessage, Vec<i64>)> {
    let way = |message: &OutboxMessage| (message.target.clone(), message.stream.clone());
    messages.sort_by_cached_key(way);
    let can_join = |a: &OutboxMessage, b: &OutboxMessage| a.target.is_none() && way(a) == way(b);
    let mut parcels = Vec::with_capacity(messages.len());
    for same in messages.chunk_by(can_join) {
        let as_they_are = || same.iter().map(|message| (message.clone(), vec![message.id])).collect();
        parcels.extend(match same {
            [_] => as_they_are(),
            _ => join_stream(service, same).unwrap_or_else(|error| {
                // Nobody but this service writes its outbox. The consumers park what is no message.
                tracing::error!(%error, "A message of the outbox cannot be read and is sent as it is.");
                as_they_are()
            }),
        });
    }
    parcels
}

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

/// How many of the first messages have this many bytes together, at least one.
fn within(messages: &[OutboxMessage], bytes: usize) -> usize {
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

    fn carried(stream: &str, states: usize) -> Carried {
        Carried::from([(stream.to_owned(), states)])
    }

    #[test]
    fn a_flood_of_one_stream_keeps_no_other_waiting() {
        let (mut lanes, begun) = (Lanes::default(), Instant::now());
        assert_eq!(lanes.due(begun), None);
        lanes.add(messages("like", 1), &carried("like", 100), begun);
        assert_eq!(lanes.due(begun), Some(begun));
        assert_eq!(lanes.take(begun), (vec!["like".to_owned()], messages("like", 1)));
        assert_eq!(lanes.due(begun), None);

        lanes.add(messages("like", 2), &carried("like", 2), begun);
        assert_eq!(lanes.due(begun), None, "one batch of a stream is under way at a time");
        lanes.add(messages("post", 3), &carried("post", 3), begun);
        assert_eq!(lanes.due(begun), Some(begun));
        let rested = begun + rest_after(100);
        assert_eq!(lanes.take(rested), (vec!["post".to_owned()], messages("post", 3)));
        lanes.sent(&["like".to_owned()]);
        assert_eq!(lanes.due(begun), Some(rested));
        assert_eq!(lanes.take(rested), (vec!["like".to_owned()], messages("like", 2)));
        assert_eq!(lanes.room(), 1_000);
    }

    #[test]
    fn what_fills_a_batch_leaves_at_once() {
        let (mut lanes, begun) = (Lanes::default(), Instant::now());
        lanes.add(messages("like", 1), &carried("like", 1), begun);
        let (streams, _) = lanes.take(begun);
        lanes.sent(&streams);
        lanes.add(messages("like", 999), &Carried::default(), begun);
        assert_eq!((lanes.room(), lanes.due(begun)), (1, Some(begun + rest_after(1))));
        lanes.add(messages("like", 1), &Carried::default(), begun);
        assert_eq!((lanes.room(), lanes.due(begun)), (0, Some(begun)));
        assert_eq!(lanes.take(begun).1.len(), 1_000);
    }
}
