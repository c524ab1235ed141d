//! The copies' side of the comparison: compares the owner's versions and states with the copy's rows, and asks the
//! owner again for rows that are still wrong after the grace time.
//!
//! A row that differs from the owner's is only a suspect at first, because in most cases the owner's state has simply
//! not arrived yet.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::DbErr;
use serde_json::Value;
use tokio::time::Instant;

use super::message::{Message, PAGE, Rows, find_by_stream};
use super::timing::Timing;
use crate::clock::Timestamp;
use crate::events::any_consumer::{AnyConsumer, Row};
use crate::events::apply_error::ApplyError;
use crate::events::context::Context;
use crate::events::reconcile::{self, Drift};
use crate::events::request::{Request, write_request};
use crate::events::{fills, resync, topology};
use crate::outbox::Key;

/// The number of parts of each stream that are compared in a round.
const PARTS: usize = 10;
/// The number of suspects of a stream above which the stream is not compared further: the repair comes first.
const MAX_SUSPECTS: usize = 5_000;
/// The number of times that the owner is asked for a row. A row that is wrong afterwards is left to the operator: as a
/// rule its state cannot be applied, and each further request would add a dead letter.
const REQUESTS_PER_ROW: u32 = 3;
/// The number of rows with the highest keys, and of rows with the highest versions, that a copy sends to an owner that
/// starts.
const NEWEST: u64 = 100;

pub(super) struct Copies {
    context: Context,
    consumers: Vec<Arc<dyn AnyConsumer>>,
    timing: Timing,
    passes: BTreeMap<&'static str, Pass>,
}

/// One pass over a stream: the copy is compared from its first key to its last, part by part, over many rounds.
struct Pass {
    begun: Instant,
    /// The last key that was compared; `None` at the beginning of a pass.
    after: Option<Key>,
    /// True while the owner has not answered the part above `after`.
    is_waiting: bool,
    /// The number of parts that are left in this round.
    parts_left: usize,
    suspects: BTreeMap<Key, Suspect>,
}

impl Pass {
    fn new() -> Self {
        Self { begun: Instant::now(), after: None, is_waiting: false, parts_left: 0, suspects: BTreeMap::new() }
    }
}

/// A row of the copy that was missing or differed from what the owner sent.
struct Suspect {
    /// The version that the copy must have reached.
    version: i64,
    /// The owner's state of that version; `None` when only the version is known.
    state: Option<Value>,
    /// The time at which the row is checked again.
    check_at: Instant,
    /// The number of times that the owner was asked for the row.
    requests: u32,
}

impl Copies {
    pub(super) fn new(context: Context, consumers: Vec<Arc<dyn AnyConsumer>>, timing: Timing) -> Self {
        let passes = consumers.iter().map(|consumer| (consumer.stream(), Pass::new())).collect();
        Self { context, consumers, timing, passes }
    }

    /// Starts a round: asks the owners for the next part of each stream. A part that was not answered in the last round
    /// is asked for again.
    pub(super) async fn start_round(&mut self) {
        for consumer in self.consumers.clone() {
            if let Some(pass) = self.passes.get_mut(consumer.stream()) {
                (pass.parts_left, pass.is_waiting) = (PARTS, false);
            }
            if let Err(error) = self.request_next_part(consumer.as_ref()).await {
                tracing::debug!(%error, stream = consumer.stream(), "A copy could not be read; trying again.");
            }
        }
    }

    /// Sends the owner the copy's rows of the next part, unless the round has no part left, the last answer is missing,
    /// there are too many suspects, or the owner cannot be reached.
    async fn request_next_part(&mut self, consumer: &dyn AnyConsumer) -> Result<(), DbErr> {
        let stream = consumer.stream();
        let Some(pass) = self.passes.get_mut(stream) else { return Ok(()) };
        let Some(owner) = topology::owner(stream).filter(|owner| self.context.broker.can_reach(owner)) else {
            return Ok(());
        };
        if pass.parts_left == 0 || pass.is_waiting || pass.suspects.len() > MAX_SUSPECTS {
            return Ok(());
        }
        let db = &self.context.db;
        // A copy that was emptied in the middle of a pass lacks the keys before `after` as well.
        if pass.after.is_some() && fills::is_empty(db, consumer).await? {
            pass.after = None;
        }
        let rows = consumer.page(db.read(), pass.after.as_ref(), PAGE).await?;
        // A page that is not full is the last one, and its part has no end: the owner may know keys above it.
        let until = rows.get(PAGE as usize - 1).map(|last| last.key.clone());
        (pass.is_waiting, pass.parts_left) = (true, pass.parts_left - 1);
        let message = Message::Page {
            stream: stream.to_owned(),
            copy: self.context.service.to_owned(),
            after: pass.after.clone(),
            until,
            rows: rows.into_iter().map(|row| (row.key, row.version)).collect(),
        };
        self.context.publish_comparison(owner, &message).await;
        Ok(())
    }

    /// Handles the owner's states of a part: compares them with the copy's rows, and asks for the next part.
    pub(super) async fn on_states(
        &mut self,
        stream: &str,
        after: Option<&Key>,
        until: Option<Key>,
        states: Vec<Value>,
    ) -> Result<(), DbErr> {
        let consumer = find_by_stream(&self.consumers, stream, |consumer| consumer.stream()).map(Arc::clone);
        let Some((consumer, pass)) = consumer.and_then(|consumer| Some((consumer, self.passes.get_mut(stream)?)))
        else {
            return Ok(());
        };
        // Every replica of the copy receives the answers, and some come late: only the part that is waited for counts.
        if !pass.is_waiting || pass.after.as_ref() != after {
            return Ok(());
        }
        let mut expected = BTreeMap::new();
        for state in states {
            let row = consumer.as_copied(&state).map_err(|error| DbErr::Json(error.to_string()))?;
            expected.insert(row.key, (row.version, state));
        }
        let keys: Vec<Key> = expected.keys().cloned().collect();
        let mut found = find_rows(&self.context, consumer.as_ref(), &keys).await?;
        let (check_at, now) = (Instant::now() + self.timing.grace, self.context.db.clock().now());
        for (key, (version, state)) in expected {
            let drift = find_drift(found.remove(&key), version, consumer.as_ref(), Some(&state), now)?;
            // A row that is a suspect already keeps its number of requests.
            if drift.is_some() && !pass.suspects.contains_key(&key) {
                pass.suspects.insert(key, Suspect { version, state: Some(state), check_at, requests: 0 });
            }
        }
        (pass.after, pass.is_waiting) = (until, false);
        if pass.after.is_some() {
            return self.request_next_part(consumer.as_ref()).await;
        }
        // The pass has reached the end. The next one begins with the next round, however few parts this one needed.
        let labels = [("service", self.context.service), ("stream", consumer.stream())];
        metrics::gauge!("projection_pass_seconds", &labels).set(pass.begun.elapsed().as_secs_f64());
        let now = self.context.db.clock().now().unix_seconds();
        metrics::gauge!("projection_compared_timestamp_seconds", &labels).set(now as f64);
        (pass.begun, pass.parts_left) = (Instant::now(), 0);
        Ok(())
    }

    /// Handles versions that the owner published a while ago. Their grace time is over, so a row below its version
    /// becomes a suspect that is checked at once.
    pub(super) async fn on_published(&mut self, stream: &str, rows: Rows) -> Result<(), DbErr> {
        let consumer = find_by_stream(&self.consumers, stream, |consumer| consumer.stream());
        let Some((consumer, pass)) = consumer.and_then(|consumer| Some((consumer, self.passes.get_mut(stream)?)))
        else {
            return Ok(());
        };
        let now = self.context.db.clock().now();
        for rows in rows.chunks(PAGE as usize) {
            let keys: Vec<Key> = rows.iter().map(|(key, _)| key.clone()).collect();
            let mut found = find_rows(&self.context, consumer.as_ref(), &keys).await?;
            for (key, version) in rows {
                let drift = find_drift(found.remove(key), *version, consumer.as_ref(), None, now)?;
                if drift.is_some() && !pass.suspects.contains_key(key) && pass.suspects.len() <= MAX_SUSPECTS {
                    let suspect = Suspect { version: *version, state: None, check_at: Instant::now(), requests: 0 };
                    pass.suspects.insert(key.clone(), suspect);
                }
            }
        }
        Ok(())
    }

    /// Answers the owner's question for the versions that this copy holds of these keys, or without keys, for its
    /// newest rows.
    pub(super) async fn on_ask(&self, stream: String, keys: Option<Vec<Key>>) -> Result<(), DbErr> {
        let consumer = find_by_stream(&self.consumers, &stream, |consumer| consumer.stream());
        let Some((consumer, owner)) = consumer.zip(topology::owner(&stream)) else { return Ok(()) };
        let db = self.context.db.read();
        let rows = match &keys {
            Some(keys) => {
                let rows = find_rows(&self.context, consumer.as_ref(), keys).await?;
                rows.into_values().map(|row| (row.key, row.version)).collect()
            }
            None => consumer.newest(db, NEWEST).await?,
        };
        let answer = Message::Holds { stream, copy: self.context.service.to_owned(), keys, rows };
        self.context.publish_comparison(owner, &answer).await;
        Ok(())
    }

    /// Checks the suspects whose grace time is over, and repairs the rows that are still wrong.
    pub(super) async fn recheck_suspects(&mut self) {
        let grace = self.timing.grace;
        for (stream, pass) in &mut self.passes {
            let consumer = find_by_stream(&self.consumers, stream, |consumer| consumer.stream());
            let Some(consumer) = consumer.filter(|_| !pass.suspects.is_empty()) else { continue };
            let now = Instant::now();
            let due = pass.suspects.iter().filter(|(_, suspect)| suspect.check_at <= now);
            let keys: Vec<Key> = due.map(|(key, _)| key.clone()).take(PAGE as usize).collect();
            if keys.is_empty() {
                continue;
            }
            // While the copy lags, a missing row is probably in the queue. Asking for it would make the backlog longer;
            // the pass finds the row again if it is really missing.
            if self.context.progress.is_lagging(stream, self.context.db.clock().now(), grace) {
                keys.iter().for_each(|key| drop(pass.suspects.remove(key)));
            } else if let Err(error) = repair_suspects(&self.context, consumer.as_ref(), pass, keys, grace).await {
                tracing::warn!(%error, stream, "A copy could not be repaired yet; trying again.");
            }
            let drifted = pass.suspects.values().filter(|suspect| suspect.requests > 0).count();
            let labels = [("service", self.context.service), ("stream", *stream)];
            metrics::gauge!("projection_drift_rows", &labels).set(drifted as f64);
        }
    }
}

/// Checks these suspects again: drops the ones that are right by now, and asks the owner for the others.
async fn repair_suspects(
    context: &Context,
    consumer: &dyn AnyConsumer,
    pass: &mut Pass,
    keys: Vec<Key>,
    grace: Duration,
) -> Result<(), ApplyError> {
    let mut found = find_rows(context, consumer, &keys).await?;
    let now = context.db.clock().now();
    let (mut repaired, mut behind, mut different) = (0_u64, Vec::new(), Vec::new());
    for key in keys {
        let Some(suspect) = pass.suspects.get_mut(&key) else { continue };
        let row = found.remove(&key);
        let version = row.as_ref().map(|row| row.version);
        let drift = find_drift(row, suspect.version, consumer, suspect.state.as_ref(), now)?;
        let Some(drift) = drift else {
            // A row that was never asked for was only late.
            repaired += u64::from(suspect.requests > 0);
            pass.suspects.remove(&key);
            continue;
        };
        // A decision about an aggregate that does not exist here leaves no row, so none is missing.
        if version.is_none() && !consumer.can_apply(context.db.read(), &key).await? {
            pass.suspects.remove(&key);
            continue;
        }
        suspect.check_at = Instant::now() + grace;
        if suspect.requests < REQUESTS_PER_ROW {
            // A row with other content has the owner's version already, so the owner's state would not replace it: the
            // row is deleted first.
            match version.filter(|_| drift == Drift::Different) {
                Some(version) => different.push((key, version)),
                None => behind.push(key),
            }
        }
    }
    let (service, stream) = (context.service, consumer.stream());
    if repaired > 0 {
        metrics::counter!("projection_repaired_rows_total", "service" => service, "stream" => stream)
            .increment(repaired);
        tracing::info!(service, stream, rows = repaired, "Rows of a copy that differed from their owner are repaired.");
    }
    let requested: Vec<Key> = behind.iter().chain(different.iter().map(|(key, _)| key)).cloned().collect();
    if requested.is_empty() {
        return Ok(());
    }
    tracing::warn!(
        service,
        stream,
        missing = behind.len(),
        different = different.len(),
        "Rows of a copy differ from their owner, which is asked for them again."
    );
    if !different.is_empty() {
        resync::delete_and_request(context, consumer, &different).await?;
    }
    if !behind.is_empty() {
        request_rows(context, consumer, behind).await?;
    }
    // Counted only after both requests are stored, so that a database that is away costs no attempt.
    for key in requested {
        if let Some(suspect) = pass.suspects.get_mut(&key) {
            suspect.requests += 1;
        }
    }
    Ok(())
}

/// Asks the owner for the states of these keys, or for the whole stream if the copy has no row at all.
async fn request_rows(context: &Context, consumer: &dyn AnyConsumer, keys: Vec<Key>) -> Result<(), ApplyError> {
    let stream = consumer.stream();
    let mut tx = context.db.begin_consuming().await?;
    if fills::is_empty(&context.db, consumer).await? {
        fills::request_whole_stream(&mut tx, stream)?;
    } else {
        let owner = topology::owner(stream).ok_or_else(|| ApplyError::Permanent(format!("nobody owns {stream}")))?;
        let queue = topology::queue(context.service, stream);
        let request = Request::Resend { stream: stream.to_owned(), queue, ids: Some(keys) };
        write_request(&mut tx, owner, &request)?;
    }
    Ok(tx.commit().await?)
}

/// Compares a row with the owner's version, and with the owner's state if it is known. A row that is ahead is not
/// reported here: only the owner can judge that, because its state may be newer by now.
fn find_drift(
    found: Option<Row>,
    version: i64,
    consumer: &dyn AnyConsumer,
    state: Option<&Value>,
    now: Timestamp,
) -> Result<Option<Drift>, DbErr> {
    let Some(state) = state else {
        return Ok(found.is_none_or(|row| row.version < version).then_some(Drift::Behind));
    };
    let drift = reconcile::find_drift(found, version, version, consumer, state, now)?;
    Ok(drift.filter(|drift| *drift != Drift::Unknown))
}

/// Reads the rows of these keys, by key.
async fn find_rows(context: &Context, consumer: &dyn AnyConsumer, keys: &[Key]) -> Result<BTreeMap<Key, Row>, DbErr> {
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = consumer.find(context.db.read(), keys).await?;
    Ok(rows.into_iter().map(|row| (row.key.clone(), row)).collect())
}
