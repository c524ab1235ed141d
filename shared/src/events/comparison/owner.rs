//! The owner's side of the comparison: sends the published versions, answers with its states, and notices when a copy
//! holds newer states than the owner's database (ADR 15).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sea_orm::DbErr;
use tokio::time::Instant;

use super::message::{Message, PAGE, Rows, consumers_of, find_by_stream};
use super::timing::Timing;
use crate::events::context::Context;
use crate::events::source::AnySource;
use crate::outbox::envelope::MAX_BYTES;
use crate::outbox::{Key, Withheld};

/// The longest time that a start waits for the copies' answers before it permits writes.
const START_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause, during a start, between two checks whether a copy has to be asked.
const START_CHECK_INTERVAL: Duration = Duration::from_millis(20);
/// The time after which a copy that has not answered is asked again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// The longest pause between two questions to copies that are ahead, which show whether the copies are still ahead.
const AHEAD_INTERVAL: Duration = Duration::from_secs(2);
/// The most rows of one copy that are remembered because they are ahead of the owner. One is enough to stop publishing.
const MAX_AHEAD: usize = 500;
/// The most rows in one message of published versions.
const MAX_PUBLISHED: usize = 5_000;

/// A copy: the stream, and the service that keeps the copy.
type Copy = (&'static str, &'static str);

/// Returns the copies of the streams of `sources` that the broker can reach.
pub(super) fn reachable_copies(context: &Context, sources: &[Arc<dyn AnySource>]) -> BTreeSet<Copy> {
    let copies_of = |stream: &'static str| consumers_of(stream).iter().map(move |service| (stream, *service));
    let all = sources.iter().flat_map(|source| copies_of(source.stream()));
    all.filter(|(_, service)| context.broker.can_reach(service)).collect()
}

fn all_unchecked(copies: &BTreeSet<Copy>) -> BTreeMap<Copy, Option<Instant>> {
    copies.iter().map(|copy| (*copy, None)).collect()
}

pub(super) struct Owner {
    context: Context,
    sources: Vec<Arc<dyn AnySource>>,
    timing: Timing,
    copies: BTreeSet<Copy>,
    /// The copies that have not answered since the start, each with the time of the last question; `None` if none was
    /// sent.
    unchecked: BTreeMap<Copy, Option<Instant>>,
    /// The time until which the start waits for these copies; `None` when no start is under way.
    start_deadline: Option<Instant>,
    /// Rows of copies that are ahead of the owner: their keys and versions.
    ahead: BTreeMap<Copy, BTreeMap<Key, i64>>,
    /// The time at which copies that are ahead were last asked.
    ahead_asked_at: Instant,
}

impl Owner {
    pub(super) fn new(context: Context, sources: Vec<Arc<dyn AnySource>>, timing: Timing) -> Self {
        let copies = reachable_copies(&context, &sources);
        let unchecked = all_unchecked(&copies);
        let (ahead, ahead_asked_at) = (BTreeMap::new(), Instant::now());
        Self { context, sources, timing, copies, unchecked, start_deadline: None, ahead, ahead_asked_at }
    }

    /// Starts a round: sends the copies the versions that this replica published a while ago, and asks the copies that
    /// have not answered since the start.
    pub(super) async fn start_round(&mut self) {
        // Each message would wait for a broker that is away.
        if !self.context.broker.is_up().await {
            return;
        }
        for (stream, service) in self.copies.clone() {
            let recent = self.context.db.outbox().recent();
            let due: Rows = recent.due(stream, self.timing.grace, std::time::Instant::now()).into_iter().collect();
            for rows in due.chunks(MAX_PUBLISHED) {
                let message = Message::Published { stream: stream.to_owned(), rows: rows.to_vec() };
                // The broker accepts nothing now. The next rounds send these versions again, for five minutes in all.
                if !self.context.publish_comparison(service, &message).await {
                    break;
                }
            }
        }
        self.ask_unchecked().await;
    }

    /// Asks the copies that have to be asked now. Returns the pause until the next call.
    pub(super) async fn ask_due(&mut self) -> Duration {
        let permit = self.context.db.outbox().permit().clone();
        let now = Instant::now();
        // A start begins when the process has prepared its schema, and again when a lost schema was created anew.
        if permit.check() == Err(Withheld::Starting) && self.start_deadline.is_none() {
            self.start_deadline = Some(now + START_TIMEOUT);
            self.unchecked = all_unchecked(&self.copies);
            self.report_unchecked();
        }
        if let Some(deadline) = self.start_deadline {
            if now < deadline && !self.unchecked.is_empty() {
                self.ask_unchecked().await;
                return START_CHECK_INTERVAL;
            }
            self.finish_start();
        }
        if !self.ahead.is_empty() && self.ahead_asked_at.elapsed() >= AHEAD_INTERVAL.min(self.timing.interval) {
            self.ahead_asked_at = now;
            for ((stream, service), keys) in &self.ahead {
                let keys = Some(keys.keys().cloned().collect());
                self.context.publish_comparison(service, &Message::Ask { stream: (*stream).to_owned(), keys }).await;
            }
        }
        self.timing.check_interval()
    }

    /// Permits writes: all copies have answered, or the time for their answers is over.
    fn finish_start(&mut self) {
        self.start_deadline = None;
        self.context.db.outbox().permit().grant();
        if !self.unchecked.is_empty() {
            let copies = self.context.db.outbox().permit().unchecked();
            tracing::info!(service = self.context.service, ?copies, "Copies that did not answer are asked later.");
        }
    }

    /// Asks each copy that has not answered since the start for its newest rows.
    async fn ask_unchecked(&mut self) {
        if !self.context.broker.is_up().await {
            return;
        }
        for ((stream, service), asked_at) in &mut self.unchecked {
            if asked_at.is_some_and(|asked_at| asked_at.elapsed() < ANSWER_TIMEOUT) {
                continue;
            }
            // Only a question that has left counts as asked; in one process it does not before the other service is
            // subscribed.
            let question = Message::Ask { stream: (*stream).to_owned(), keys: None };
            if self.context.publish_comparison(service, &question).await {
                *asked_at = Some(Instant::now());
            }
        }
    }

    /// Handles the answer of a copy: the rows that it holds of `keys`, or without keys, its newest rows.
    pub(super) async fn on_holds(
        &mut self,
        stream: String,
        copy: String,
        keys: Option<Vec<Key>>,
        rows: Rows,
    ) -> Result<(), DbErr> {
        let Some(copy) = self.find_copy(&stream, &copy) else { return Ok(()) };
        let ahead = self.find_ahead(copy.0, rows).await?;
        match keys {
            Some(keys) => {
                // The rows that are still ahead are added again below.
                let known = self.ahead.entry(copy).or_default();
                known.retain(|key, _| !keys.contains(key));
            }
            None => {
                self.unchecked.remove(&copy);
                self.report_unchecked();
            }
        }
        self.add_ahead(copy, ahead);
        if self.start_deadline.is_some() && self.unchecked.is_empty() {
            self.finish_start();
        }
        Ok(())
    }

    /// Handles the rows of a part that a copy sends, and answers with the owner's states of that part if `answers` is
    /// true. The states are read after the copy's rows, so that a copy cannot be ahead by mere timing.
    pub(super) async fn on_page(
        &mut self,
        stream: String,
        copy: String,
        after: Option<Key>,
        until: Option<Key>,
        rows: Rows,
        answers: bool,
    ) -> Result<(), DbErr> {
        let Some(copy) = self.find_copy(&stream, &copy) else { return Ok(()) };
        let ahead = self.find_ahead(copy.0, rows).await?;
        self.add_ahead(copy, ahead);
        let source = find_by_stream(&self.sources, copy.0, |source| source.stream());
        let Some(source) = source.filter(|_| answers) else { return Ok(()) };
        let found = source.page(self.context.db.read(), after.as_ref(), PAGE).await?;
        let mut is_whole_part = found.len() < PAGE as usize;
        let (mut states, mut last, mut bytes) = (Vec::new(), None, 0);
        for (key, _, state) in found {
            if until.as_ref().is_some_and(|until| key > *until) {
                is_whole_part = true;
                break;
            }
            bytes += state.to_string().len();
            // One state at least, however large, so that the comparison always advances.
            if bytes > MAX_BYTES && last.is_some() {
                is_whole_part = false;
                break;
            }
            last = Some(key);
            states.push(state);
        }
        // A part that does not fit into one answer is cut, and the copy asks for the rest as its next part.
        let until = if is_whole_part { until } else { last };
        self.context.publish_comparison(copy.1, &Message::States { stream, after, until, states }).await;
        Ok(())
    }

    /// Finds a copy by the names in a message; `None` when it is no copy of this owner.
    fn find_copy(&self, stream: &str, service: &str) -> Option<Copy> {
        self.copies.iter().find(|copy| **copy == (stream, service)).copied()
    }

    /// Finds the rows that are ahead of the owner, which has no row with their key, or only one of a lower version.
    async fn find_ahead(&self, stream: &str, rows: Rows) -> Result<Rows, DbErr> {
        let source = find_by_stream(&self.sources, stream, |source| source.stream());
        let Some(source) = source else { return Ok(Vec::new()) };
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

    /// Adds rows that are ahead of the owner, and withdraws or gives back the permit to publish accordingly.
    fn add_ahead(&mut self, copy: Copy, rows: Rows) {
        let known = self.ahead.entry(copy).or_default();
        known.extend(rows);
        while known.len() > MAX_AHEAD {
            known.pop_last();
        }
        self.ahead.retain(|_, keys| !keys.is_empty());
        let first = self.ahead.iter().next().and_then(|(copy, keys)| Some((copy, keys.first_key_value()?)));
        let is_older = first.is_some();
        // Logged when it changes, not with each message.
        if !self.context.db.outbox().permit().set_older(is_older) {
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

    /// Passes the names of the copies that have not answered, as `SERVICE.STREAM`, to the state that `/readyz` reports.
    fn report_unchecked(&self) {
        let names = self.unchecked.keys().map(|(stream, service)| format!("{service}.{stream}")).collect();
        self.context.db.outbox().permit().set_unchecked(names);
    }
}
