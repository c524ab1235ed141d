//! The copies' side: compares what the owner says with its rows, and asks again for what is wrong after the grace time.

use std::collections::BTreeMap;
use std::sync::Arc;

use sea_orm::DbErr;
use serde_json::Value;
use tokio::time::Instant;

use super::{Message, PAGE, Pace, Rows, of_stream};
use crate::events::consumer::{AnyConsumer, ApplyError, Context, Row};
use crate::events::reconcile::{Drift, judge};
use crate::events::resync::{self, Request};
use crate::events::{Key, fills, topology};

/// Parts of each stream in a round.
const PARTS: usize = 10;
/// The number of rows of a stream that may be under suspicion before it is compared further.
const SUSPECTS: usize = 5_000;
/// The number of times that a row is asked for again. A row that is wrong afterwards is left to the operator: it has a dead
/// letter, as a rule.
const TRIES: u32 = 3;

pub(super) struct Copies {
    context: Context,
    consumers: Vec<Arc<dyn AnyConsumer>>,
    pace: Pace,
    passes: BTreeMap<&'static str, Pass>,
}

/// The progress of the comparison of one stream.
struct Pass {
    begun: Instant,
    /// The last key that was compared.
    after: Option<Key>,
    /// True when the owner has been asked for the part behind it.
    asked: bool,
    /// Parts that are left in this round.
    parts: usize,
    suspects: BTreeMap<Key, Suspect>,
}

/// A row that was not as the owner says. Most have only not arrived yet.
struct Suspect {
    /// The version that the copy must have reached, and the content of that version if it is known.
    version: i64,
    state: Option<Value>,
    look_at: Instant,
    tries: u32,
}

impl Copies {
    pub(super) fn new(context: Context, consumers: Vec<Arc<dyn AnyConsumer>>, pace: Pace) -> Self {
        let new = || Pass { begun: Instant::now(), after: None, asked: false, parts: 0, suspects: BTreeMap::new() };
        let passes = consumers.iter().map(|consumer| (consumer.stream(), new())).collect();
        Self { context, consumers, pace, passes }
    }

    /// Asks for the next parts of each stream. What was not answered in the last round is asked once more.
    pub(super) async fn round(&mut self) {
        for consumer in self.consumers.clone() {
            if let Some(pass) = self.passes.get_mut(consumer.stream()) {
                (pass.parts, pass.asked) = (PARTS, false);
            }
            if let Err(error) = self.ask_next(consumer.as_ref()).await {
                tracing::debug!(%error, stream = consumer.stream(), "A copy could not be read; trying again.");
            }
        }
    }

    async fn ask_next(&mut self, consumer: &dyn AnyConsumer) -> Result<(), DbErr> {
        let stream = consumer.stream();
        let Some(pass) = self.passes.get_mut(stream) else { return Ok(()) };
        let Some(owner) = topology::owner(stream).filter(|owner| self.context.broker.reaches(owner)) else {
            return Ok(());
        };
        if pass.parts == 0 || pass.asked || pass.suspects.len() > SUSPECTS {
            return Ok(());
        }
        let db = &self.context.db;
        if pass.after.is_some() && fills::is_empty(db, consumer).await? {
            pass.after = None;
        }
        let rows = consumer.page(db.read(), pass.after.as_ref(), PAGE).await?;
        let until = rows.get(PAGE as usize - 1).map(|last| last.key.clone());
        (pass.asked, pass.parts) = (true, pass.parts - 1);
        let message = Message::Page {
            stream: stream.to_owned(),
            copy: self.context.service.to_owned(),
            after: pass.after.clone(),
            until,
            rows: rows.into_iter().map(|row| (row.key, row.version)).collect(),
        };
        self.context.tell(owner, &message).await;
        Ok(())
    }

    /// The owner's states of a part.
    pub(super) async fn on_states(
        &mut self,
        stream: &str,
        after: Option<&Key>,
        until: Option<Key>,
        states: Vec<Value>,
    ) -> Result<(), DbErr> {
        let consumer = of_stream(&self.consumers, stream, |consumer| consumer.stream()).map(Arc::clone);
        let Some((consumer, pass)) = consumer.and_then(|consumer| Some((consumer, self.passes.get_mut(stream)?)))
        else {
            return Ok(());
        };
        if !pass.asked || pass.after.as_ref() != after {
            return Ok(());
        }
        let mut wanted = BTreeMap::new();
        for state in states {
            let row = consumer.view(&state).map_err(|error| DbErr::Json(error.to_string()))?;
            wanted.insert(row.key, (row.version, state));
        }
        let keys: Vec<Key> = wanted.keys().cloned().collect();
        let mut found = rows_by_key(&self.context, consumer.as_ref(), &keys).await?;
        let look_at = Instant::now() + self.pace.grace;
        for (key, (version, state)) in wanted {
            let wrong = wrong(found.remove(&key), version, consumer.as_ref(), Some(&state))?;
            if wrong.is_some() && !pass.suspects.contains_key(&key) {
                pass.suspects.insert(key, Suspect { version, state: Some(state), look_at, tries: 0 });
            }
        }
        (pass.after, pass.asked) = (until, false);
        if pass.after.is_some() {
            return self.ask_next(consumer.as_ref()).await;
        }
        let labels = [("service", self.context.service), ("stream", consumer.stream())];
        metrics::gauge!("projection_pass_seconds", &labels).set(pass.begun.elapsed().as_secs_f64());
        let now = self.context.db.clock().now().unix_seconds();
        metrics::gauge!("projection_compared_timestamp_seconds", &labels).set(now as f64);
        (pass.begun, pass.parts) = (Instant::now(), 0);
        Ok(())
    }

    /// The owner published this a while ago.
    pub(super) async fn on_published(&mut self, stream: &str, rows: Rows) -> Result<(), DbErr> {
        let consumer = of_stream(&self.consumers, stream, |consumer| consumer.stream());
        let Some((consumer, pass)) = consumer.and_then(|consumer| Some((consumer, self.passes.get_mut(stream)?)))
        else {
            return Ok(());
        };
        for rows in rows.chunks(PAGE as usize) {
            let keys: Vec<Key> = rows.iter().map(|(key, _)| key.clone()).collect();
            let mut found = rows_by_key(&self.context, consumer.as_ref(), &keys).await?;
            for (key, version) in rows {
                let wrong = wrong(found.remove(key), *version, consumer.as_ref(), None)?;
                if wrong.is_some() && !pass.suspects.contains_key(key) && pass.suspects.len() <= SUSPECTS {
                    let suspect = Suspect { version: *version, state: None, look_at: Instant::now(), tries: 0 };
                    pass.suspects.insert(key.clone(), suspect);
                }
            }
        }
        Ok(())
    }

    /// The owner asks what a copy holds.
    pub(super) async fn on_ask(&self, stream: String, keys: Option<Vec<Key>>) -> Result<(), DbErr> {
        let consumer = of_stream(&self.consumers, &stream, |consumer| consumer.stream());
        let Some((consumer, owner)) = consumer.zip(topology::owner(&stream)) else { return Ok(()) };
        let db = self.context.db.read();
        let rows = match &keys {
            Some(keys) => {
                let rows = rows_by_key(&self.context, consumer.as_ref(), keys).await?;
                rows.into_values().map(|row| (row.key, row.version)).collect()
            }
            None => consumer.newest(db, NEWEST).await?,
        };
        self.context.tell(owner, &Message::Holds { stream, copy: self.context.service.to_owned(), keys, rows }).await;
        Ok(())
    }

    /// Looks once more at the rows whose grace time is over, and repairs those that are still wrong.
    pub(super) async fn look(&mut self) {
        let grace = self.pace.grace;
        for (stream, pass) in &mut self.passes {
            let consumer = of_stream(&self.consumers, stream, |consumer| consumer.stream());
            let Some(consumer) = consumer.filter(|_| !pass.suspects.is_empty()) else { continue };
            let now = Instant::now();
            let due = pass.suspects.iter().filter(|(_, suspect)| suspect.look_at <= now);
            let keys: Vec<Key> = due.map(|(key, _)| key.clone()).take(PAGE as usize).collect();
            if keys.is_empty() {
                continue;
            }
            // What still travels is not missing.
            if self.context.measured.is_behind(stream, self.context.db.clock().now(), grace) {
                keys.iter().for_each(|key| drop(pass.suspects.remove(key)));
            } else if let Err(error) = check(&self.context, consumer.as_ref(), pass, keys, grace).await {
                tracing::warn!(%error, stream, "A copy could not be repaired yet; trying again.");
            }
            let wrong = pass.suspects.values().filter(|suspect| suspect.tries > 0).count();
            let labels = [("service", self.context.service), ("stream", *stream)];
            metrics::gauge!("projection_drift_rows", &labels).set(wrong as f64);
        }
    }
}

/// The number of its newest rows that a copy names.
const NEWEST: u64 = 100;

async fn check(
    context: &Context,
    consumer: &dyn AnyConsumer,
    pass: &mut Pass,
    keys: Vec<Key>,
    grace: std::time::Duration,
) -> Result<(), ApplyError> {
    let mut found = rows_by_key(context, consumer, &keys).await?;
    let (mut repaired, mut behind, mut different) = (0_u64, Vec::new(), Vec::new());
    for key in keys {
        let Some(suspect) = pass.suspects.get_mut(&key) else { continue };
        let row = found.remove(&key);
        let version = row.as_ref().map(|row| row.version);
        let wrong = wrong(row, suspect.version, consumer, suspect.state.as_ref())?;
        let Some(wrong) = wrong else {
            repaired += u64::from(suspect.tries > 0);
            pass.suspects.remove(&key);
            continue;
        };
        if version.is_none() && !consumer.can_apply(context.db.read(), &key).await? {
            pass.suspects.remove(&key);
            continue;
        }
        suspect.look_at = Instant::now() + grace;
        if suspect.tries < TRIES {
            match version.filter(|_| wrong == Drift::Different) {
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
    let asked: Vec<Key> = behind.iter().chain(different.iter().map(|(key, _)| key)).cloned().collect();
    if asked.is_empty() {
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
        resync::forget(context, consumer, &different).await?;
    }
    if !behind.is_empty() {
        ask_for(context, consumer, behind).await?;
    }
    for key in asked {
        if let Some(suspect) = pass.suspects.get_mut(&key) {
            suspect.tries += 1;
        }
    }
    Ok(())
}

/// Asks the owner for rows, or for everything if the copy holds nothing at all.
async fn ask_for(context: &Context, consumer: &dyn AnyConsumer, keys: Vec<Key>) -> Result<(), ApplyError> {
    let stream = consumer.stream();
    let mut tx = context.db.begin_consuming().await?;
    if fills::is_empty(&context.db, consumer).await? {
        fills::ask_for_all(&mut tx, stream)?;
    } else {
        let owner = topology::owner(stream).ok_or_else(|| ApplyError::Permanent(format!("nobody owns {stream}")))?;
        let queue = topology::queue(context.service, stream);
        let request = Request::Resend { stream: stream.to_owned(), queue, ids: Some(keys) };
        resync::write_request(&mut tx, owner, &request)?;
    }
    Ok(tx.commit().await?)
}

/// Judges a row, as far as a copy can tell: whether it is ahead is for the owner to judge.
fn wrong(
    found: Option<Row>,
    version: i64,
    consumer: &dyn AnyConsumer,
    state: Option<&Value>,
) -> Result<Option<Drift>, DbErr> {
    let Some(state) = state else {
        return Ok(found.is_none_or(|row| row.version < version).then_some(Drift::Behind));
    };
    Ok(judge(found, version, version, consumer, state)?.filter(|drift| *drift != Drift::Unknown))
}

async fn rows_by_key(context: &Context, consumer: &dyn AnyConsumer, keys: &[Key]) -> Result<BTreeMap<Key, Row>, DbErr> {
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = consumer.find(context.db.read(), keys).await?;
    Ok(rows.into_iter().map(|row| (row.key.clone(), row)).collect())
}
