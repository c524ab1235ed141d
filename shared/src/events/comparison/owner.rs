//! The owner's side: tells what was published, answers with its states, and notices when a copy has seen more than that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sea_orm::DbErr;
use tokio::time::Instant;

use super::{Message, PAGE, Pace, Rows, consumers_of, of_stream};
use crate::events::Key;
use crate::events::consumer::Context;
use crate::events::envelope::MAX_BYTES;
use crate::events::resync::AnySource;
use crate::events::writes::Stopped;

/// The longest time that a start waits for the copies' answers before it takes writes.
const START: Duration = Duration::from_secs(5);
/// The pause at the start between two looks whether a copy can be asked, or has to be asked again.
const LOOK: Duration = Duration::from_millis(20);
/// The time that a copy has to answer before it is asked again.
const ANSWER: Duration = Duration::from_secs(1);
/// The pause between two questions to copies that know more, whether they still do.
const AGAIN: Duration = Duration::from_secs(2);
/// The number of rows of one copy that are remembered because the owner does not know them.
const KEYS: usize = 500;
/// Rows in a message of what was published.
const PUBLISHED: usize = 5_000;

/// A copy: the stream, and the service that keeps it.
type Copy = (&'static str, &'static str);

/// The copies of these sources that could be reached.
pub(super) fn copies(context: &Context, sources: &[Arc<dyn AnySource>]) -> BTreeSet<Copy> {
    let of = |stream: &'static str| consumers_of(stream).iter().map(move |service| (stream, *service));
    let all = sources.iter().flat_map(|source| of(source.stream()));
    all.filter(|(_, service)| context.broker.reaches(service)).collect()
}

fn all_unchecked(copies: &BTreeSet<Copy>) -> BTreeMap<Copy, Option<Instant>> {
    copies.iter().map(|copy| (*copy, None)).collect()
}

pub(super) struct Owner {
    context: Context,
    sources: Vec<Arc<dyn AnySource>>,
    pace: Pace,
    copies: BTreeSet<Copy>,
    /// Copies that have not answered since the start, and when they were asked.
    unchecked: BTreeMap<Copy, Option<Instant>>,
    /// Until when the start waits for them.
    starting: Option<Instant>,
    /// Keys and versions that copies hold and this owner does not.
    ahead: BTreeMap<Copy, BTreeMap<Key, i64>>,
    asked: Instant,
}

impl Owner {
    pub(super) fn new(context: Context, sources: Vec<Arc<dyn AnySource>>, pace: Pace) -> Self {
        let copies = copies(&context, &sources);
        let (unchecked, ahead) = (all_unchecked(&copies), BTreeMap::new());
        Self { context, sources, pace, copies, unchecked, starting: None, ahead, asked: Instant::now() }
    }

    /// Tells the copies what was published a while ago, and asks those that have never answered.
    pub(super) async fn round(&mut self) {
        if !self.context.broker.is_up().await {
            return;
        }
        for (stream, service) in self.copies.clone() {
            let recent = self.context.db.outbox().recent();
            let due: Rows = recent.due(stream, self.pace.grace, std::time::Instant::now()).into_iter().collect();
            for rows in due.chunks(PUBLISHED) {
                let message = Message::Published { stream: stream.to_owned(), rows: rows.to_vec() };
                if !self.context.tell(service, &message).await {
                    break;
                }
            }
        }
        self.ask_unchecked().await;
    }

    /// Asks what has to be asked now; answers when to look again.
    pub(super) async fn pulse(&mut self) -> Duration {
        let writes = self.context.db.outbox().writes().clone();
        let now = Instant::now();
        if writes.admit() == Err(Stopped::Starting) && self.starting.is_none() {
            self.starting = Some(now + START);
            self.unchecked = all_unchecked(&self.copies);
            self.note_unchecked();
        }
        if let Some(deadline) = self.starting {
            if now < deadline && !self.unchecked.is_empty() {
                self.ask_unchecked().await;
                return LOOK;
            }
            self.begin();
        }
        if !self.ahead.is_empty() && self.asked.elapsed() >= AGAIN.min(self.pace.round) {
            self.asked = now;
            for ((stream, service), keys) in &self.ahead {
                let keys = Some(keys.keys().cloned().collect());
                self.context.tell(service, &Message::Ask { stream: (*stream).to_owned(), keys }).await;
            }
        }
        self.pace.pulse()
    }

    /// Takes writes.
    fn begin(&mut self) {
        self.starting = None;
        self.context.db.outbox().writes().begun();
        if !self.unchecked.is_empty() {
            let copies = self.context.db.outbox().writes().unchecked();
            tracing::info!(service = self.context.service, ?copies, "Copies that did not answer are asked later.");
        }
    }

    async fn ask_unchecked(&mut self) {
        if !self.context.broker.is_up().await {
            return;
        }
        for ((stream, service), asked) in &mut self.unchecked {
            if asked.is_some_and(|asked| asked.elapsed() < ANSWER) {
                continue;
            }
            if self.context.tell(service, &Message::Ask { stream: (*stream).to_owned(), keys: None }).await {
                *asked = Some(Instant::now());
            }
        }
    }

    /// A copy says what it holds.
    pub(super) async fn on_holds(
        &mut self,
        stream: String,
        copy: String,
        keys: Option<Vec<Key>>,
        rows: Rows,
    ) -> Result<(), DbErr> {
        let Some(copy) = self.copy(&stream, &copy) else { return Ok(()) };
        let ahead = self.only_ahead(copy.0, rows).await?;
        match keys {
            Some(keys) => {
                let known = self.ahead.entry(copy).or_default();
                known.retain(|key, _| !keys.contains(key));
            }
            None => {
                self.unchecked.remove(&copy);
                self.note_unchecked();
            }
        }
        self.note_ahead(copy, ahead);
        if self.starting.is_some() && self.unchecked.is_empty() {
            self.begin();
        }
        Ok(())
    }

    /// A copy asks for a part: the states are read after the copy's rows, so that a copy cannot be ahead by mere timing.
    pub(super) async fn on_page(
        &mut self,
        stream: String,
        copy: String,
        after: Option<Key>,
        until: Option<Key>,
        rows: Rows,
        answers: bool,
    ) -> Result<(), DbErr> {
        let Some(copy) = self.copy(&stream, &copy) else { return Ok(()) };
        let ahead = self.only_ahead(copy.0, rows).await?;
        self.note_ahead(copy, ahead);
        let source = of_stream(&self.sources, copy.0, |source| source.stream());
        let Some(source) = source.filter(|_| answers) else { return Ok(()) };
        let found = source.page(self.context.db.read(), after.as_ref(), PAGE).await?;
        let mut all = found.len() < PAGE as usize;
        let (mut states, mut last, mut bytes) = (Vec::new(), None, 0);
        for (key, _, state) in found {
            if until.as_ref().is_some_and(|until| key > *until) {
                all = true;
                break;
            }
            bytes += state.to_string().len();
            if bytes > MAX_BYTES && last.is_some() {
                all = false;
                break;
            }
            last = Some(key);
            states.push(state);
        }
        let until = if all { until } else { last };
        self.context.tell(copy.1, &Message::States { stream, after, until, states }).await;
        Ok(())
    }

    /// The names of a copy, if it is one of this owner.
    fn copy(&self, stream: &str, service: &str) -> Option<Copy> {
        self.copies.iter().find(|copy| **copy == (stream, service)).copied()
    }

    /// Only the rows that the owner does not know, or not with so high a version.
    async fn only_ahead(&self, stream: &str, rows: Rows) -> Result<Rows, DbErr> {
        let Some(source) = of_stream(&self.sources, stream, |source| source.stream()) else { return Ok(Vec::new()) };
        let mut ahead = Vec::new();
        for rows in rows.chunks(PAGE as usize) {
            let keys: Vec<Key> = rows.iter().map(|(key, _)| key.clone()).collect();
            let found = source.find(self.context.db.read(), &keys).await?;
            let known: BTreeMap<Key, i64> = found.into_iter().map(|(key, version, _)| (key, version)).collect();
            let is_ahead = |(key, version): &&(Key, i64)| known.get(key).is_none_or(|known| known < version);
            ahead.extend(rows.iter().filter(is_ahead).cloned());
        }
        Ok(ahead)
    }

    fn note_ahead(&mut self, copy: Copy, rows: Rows) {
        let known = self.ahead.entry(copy).or_default();
        known.extend(rows);
        while known.len() > KEYS {
            known.pop_last();
        }
        self.ahead.retain(|_, keys| !keys.is_empty());
        let first = self.ahead.iter().next().and_then(|(copy, keys)| Some((copy, keys.first_key_value()?)));
        let older = first.is_some();
        if !self.context.db.outbox().writes().set_older(older) {
            return;
        }
        let service = self.context.service;
        if let Some(((stream, copy), (key, version))) = first {
            tracing::error!(
                service,
                stream,
                copy,
                %key,
                version,
                "The database is older than its copies: a copy holds a state that it does not. Nothing is published until \
                 `chatty restore` has made it usable, or `chatty reconcile --fix` has repaired a copy changed by hand."
            );
        } else {
            tracing::info!(service, "The database is not older than its copies any more: writes are taken again.");
        }
    }

    fn note_unchecked(&self) {
        let names = self.unchecked.keys().map(|(stream, service)| format!("{service}.{stream}")).collect();
        self.context.db.outbox().writes().set_unchecked(names);
    }
}
