//! Consumers: one runner does batching, transactions, retries, parking and acknowledging for all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::DbErr;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::sleep;

use super::broker::{Broker, Delivery, Subscription};
use super::envelope::{self, Key, State};
use super::measured::Measured;
use super::outbox::PublishError;
use super::replicas::Replicas;
use super::topology;
use crate::clock::Timestamp;
use crate::db::{self, CommitError, Db, Reads, Tx};
use crate::fail_points::{self, BEFORE_ACK};
use crate::lifecycle::{Backoff, Cancel};

/// Messages taken at once, and states in one transaction.
const BATCH: usize = 1_000;
/// How often an error of unknown kind is retried before its message is parked.
const TRIES: u32 = 5;

/// Why a batch could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The same batch may succeed later.
    #[error("{0}")]
    Transient(String),
    /// The data is at fault.
    #[error("{0}")]
    Permanent(String),
    /// Anything else: tried a few times.
    #[error("{0}")]
    Unknown(String),
}

impl From<DbErr> for ApplyError {
    fn from(error: DbErr) -> Self {
        let text = error.to_string();
        if db::is_transient(&error) {
            Self::Transient(text)
        } else if db::is_permanent(&error) {
            Self::Permanent(text)
        } else {
            Self::Unknown(text)
        }
    }
}

impl From<CommitError> for ApplyError {
    fn from(error: CommitError) -> Self {
        // Applying again what was already applied changes nothing, so an unknown outcome is simply retried.
        Self::Transient(error.to_string())
    }
}

impl From<PublishError> for ApplyError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Full | PublishError::Stopped(_) => Self::Transient(error.to_string()),
            PublishError::Encode(error) => Self::Permanent(error.to_string()),
        }
    }
}

/// A copy of another service's stream: a projection in the database, and perhaps memory that follows it.
#[async_trait]
pub trait Consumer: Send + Sync + 'static {
    /// What this service reads of the aggregate's state.
    type State: State;

    /// Applies states inside a transaction: one per key, the newest, sorted by key.
    async fn apply(&self, tx: &mut Tx, states: Vec<Self::State>) -> Result<(), ApplyError>;

    /// Applies and commits states, all or none.
    async fn store(&self, db: &Db, states: Vec<Self::State>) -> Result<(), ApplyError> {
        in_transaction(self, db, states).await
    }

    /// The copies as states, in the order of their keys, for reconcile.
    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<Self::State>, DbErr>;

    /// The copies of these keys, as far as they exist.
    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<Self::State>, DbErr> {
        let mut found = Vec::new();
        for key in keys {
            let states = self.page(db, Some(&key.before()), 1).await?;
            found.extend(states.into_iter().filter(|state| state.key() == *key));
        }
        Ok(found)
    }

    /// The copies with the highest keys and those with the highest versions.
    async fn newest(&self, db: &Reads, limit: u64) -> Result<Vec<Self::State>, DbErr> {
        newest_of_all(self, db, limit).await
    }

    /// Deletes a copy if it still has this version, so that the owner's state can take its place.
    async fn delete(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr>;

    /// Whether this process remembers anything of the copy.
    fn remembers(&self) -> bool {
        false
    }

    /// Merges committed states into this process's memory, by version.
    fn remember(&self, _states: &[Self::State]) {}

    /// Forgets a deleted copy in this process's memory, whatever its version was.
    fn forget(&self, _key: &Key) {}

    /// Fills this process's memory from the copies.
    async fn load(&self, _db: &Reads) -> Result<(), DbErr> {
        Ok(())
    }

    /// Whether there is anything that a state of this key can be applied to. A copy takes every state; a decision about
    /// something that does not exist stays without effect.
    async fn can_apply(&self, _db: &Reads, _key: &Key) -> Result<bool, DbErr> {
        Ok(true)
    }

    /// The owner's state as this copy keeps it: what reconcile compares. Tombstones lose their fields here.
    fn view(&self, state: Self::State) -> Self::State {
        state
    }
}

/// What a consumer needs to run.
#[derive(Clone)]
pub struct Context {
    /// The service's name.
    pub(super) service: &'static str,
    /// Its database.
    pub(super) db: Db,
    /// The broker.
    pub(super) broker: Arc<dyn Broker>,
    /// Ends the runner.
    pub(super) cancel: Cancel,
    /// What its consumers are doing.
    pub(crate) measured: Measured,
    /// The way to the other replicas.
    pub(crate) replicas: Replicas,
}

impl Context {
    /// The consumers' view of a service.
    pub fn new(service: &'static str, db: Db, broker: Arc<dyn Broker>, cancel: Cancel) -> Self {
        let replicas = Replicas::new(service, Arc::clone(&broker));
        Self { service, db, broker, cancel, measured: Measured::default(), replicas }
    }

    /// The service's name.
    pub(crate) fn service(&self) -> &'static str {
        self.service
    }

    /// Its database.
    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    /// The broker.
    pub(crate) fn broker(&self) -> &dyn Broker {
        self.broker.as_ref()
    }

    /// The token that ends the tasks.
    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Forgets deleted copies here and in the other replicas.
    pub(super) async fn forget(&self, consumer: &dyn AnyConsumer, deleted: Vec<Key>) {
        deleted.iter().for_each(|key| consumer.forget(key));
        if consumer.remembers() {
            self.replicas.tell_deleted(consumer.stream(), deleted).await;
        }
    }
}

/// A consumer of any state, for lists.
#[async_trait]
pub trait AnyConsumer: Send + Sync + 'static {
    /// The stream it consumes.
    fn stream(&self) -> &'static str;
    /// Consumes until cancelled.
    async fn run(&self, context: Context);
    /// Fills memory.
    async fn load(&self, db: &Reads) -> Result<(), DbErr>;
    /// Whether there is any memory.
    fn remembers(&self) -> bool;
    /// Merges states of another replica into memory.
    fn merge(&self, states: &[Box<RawValue>]);
    /// Forgets a copy in memory.
    fn forget(&self, key: &Key);
    /// Copies as (key, version, content).
    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<Row>, DbErr>;
    /// The copies of these keys.
    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<Row>, DbErr>;
    /// The copies with the highest keys and those with the highest versions.
    async fn newest(&self, db: &Reads, limit: u64) -> Result<Vec<(Key, i64)>, DbErr>;
    /// Whether there is anything that a state of this key can be applied to.
    async fn can_apply(&self, db: &Reads, key: &Key) -> Result<bool, DbErr>;
    /// An owner's state as this copy should hold it.
    fn view(&self, state: &Value) -> Result<Row, serde_json::Error>;
    /// Deletes a drifted copy.
    async fn delete(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr>;
}

/// One aggregate as reconcile sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its key.
    pub key: Key,
    /// Its version.
    pub version: i64,
    /// Its content.
    pub content: Value,
}

impl Row {
    fn of<S: State>(state: &S) -> Result<Self, serde_json::Error> {
        Ok(Self { key: state.key(), version: state.version(), content: serde_json::to_value(state)? })
    }
}

fn as_rows<S: State>(states: &[S]) -> Result<Vec<Row>, DbErr> {
    states.iter().map(|state| Row::of(state).map_err(|error| DbErr::Json(error.to_string()))).collect()
}

/// Reads all copies page by page: for consumers that keep few of them.
async fn newest_of_all<C: Consumer + ?Sized>(consumer: &C, db: &Reads, limit: u64) -> Result<Vec<C::State>, DbErr> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (mut last, mut highest): (Vec<C::State>, Vec<C::State>) = (Vec::new(), Vec::new());
    let mut after: Option<Key> = None;
    loop {
        let page = consumer.page(db, after.as_ref(), BATCH as u64).await?;
        let Some(end) = page.last() else { break };
        after = Some(end.key());
        highest.extend(page.iter().cloned());
        highest.sort_by_key(|state| std::cmp::Reverse(state.version()));
        highest.truncate(limit);
        last.extend(page);
        last.drain(..last.len().saturating_sub(limit));
    }
    last.extend(highest);
    Ok(last)
}

#[async_trait]
impl<C: Consumer> AnyConsumer for C {
    fn stream(&self) -> &'static str {
        C::State::STREAM
    }

    async fn run(&self, context: Context) {
        run(self, context).await;
    }

    async fn load(&self, db: &Reads) -> Result<(), DbErr> {
        Consumer::load(self, db).await
    }

    fn remembers(&self) -> bool {
        Consumer::remembers(self)
    }

    fn merge(&self, states: &[Box<RawValue>]) {
        let states: Vec<C::State> = states.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect();
        self.remember(&states);
    }

    fn forget(&self, key: &Key) {
        Consumer::forget(self, key);
    }

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<Row>, DbErr> {
        let states = Consumer::page(self, db, after, limit).await?;
        as_rows(&states)
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<Row>, DbErr> {
        as_rows(&Consumer::find(self, db, keys).await?)
    }

    async fn newest(&self, db: &Reads, limit: u64) -> Result<Vec<(Key, i64)>, DbErr> {
        let states = Consumer::newest(self, db, limit).await?;
        Ok(states.iter().map(|state| (state.key(), state.version())).collect())
    }

    async fn can_apply(&self, db: &Reads, key: &Key) -> Result<bool, DbErr> {
        Consumer::can_apply(self, db, key).await
    }

    fn view(&self, state: &Value) -> Result<Row, serde_json::Error> {
        Row::of(&Consumer::view(self, C::State::deserialize(state)?))
    }

    async fn delete(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr> {
        Consumer::delete(self, tx, key, version).await
    }
}

/// Opens the queue again and again, and consumes it.
async fn run<C: Consumer>(consumer: &C, context: Context) {
    let queue = topology::queue(context.service, C::State::STREAM);
    let mut backoff = Backoff::default();
    while !context.cancel.is_cancelled() {
        match context.broker.consume(&queue, &context.db).await {
            Ok(subscription) => {
                backoff.reset();
                context.measured.connected(C::State::STREAM, true);
                let mut runner = Runner { consumer, context: &context, subscription };
                tokio::select! { () = runner.consume() => {}, () = context.cancel.cancelled() => return }
                context.measured.connected(C::State::STREAM, false);
            }
            Err(error) => tracing::warn!(%error, queue, "The queue cannot be consumed; trying again."),
        }
        tokio::select! { () = sleep(backoff.pause()) => {}, () = context.cancel.cancelled() => return }
    }
}

struct Runner<'a, C: Consumer> {
    consumer: &'a C,
    context: &'a Context,
    subscription: Box<dyn Subscription>,
}

impl<C: Consumer> Runner<'_, C> {
    async fn consume(&mut self) {
        let measured = &self.context.measured;
        while let Some(deliveries) = self.subscription.next(BATCH).await {
            let mut newest: BTreeMap<Key, (C::State, usize)> = BTreeMap::new();
            let mut bad: BTreeMap<usize, String> = BTreeMap::new();
            let mut oldest: Option<Timestamp> = None;
            for (index, delivery) in deliveries.iter().enumerate() {
                match envelope::decode(&delivery.payload, C::State::STREAM) {
                    Ok(message) => {
                        oldest = Some(oldest.map_or(message.time, |oldest| oldest.min(message.time)));
                        for raw in &message.data {
                            collect(&mut newest, &mut bad, index, raw);
                        }
                    }
                    Err(reason) => {
                        bad.insert(index, reason);
                    }
                }
            }
            measured.took(C::State::STREAM, oldest);
            self.apply(newest.into_values().collect(), &mut bad).await;
            for (index, reason) in &bad {
                if let Some(delivery) = deliveries.get(*index) {
                    let subscription = self.subscription.as_mut();
                    park(subscription, self.context.service, C::State::STREAM, delivery, reason).await;
                }
            }
            fail_points::pass(BEFORE_ACK);
            self.subscription.ack(deliveries).await;
            measured.applied(C::State::STREAM, self.context.db.clock().now());
        }
    }

    /// Applies states until all are committed or their message is condemned: halves the batch around a culprit.
    async fn apply(&self, states: Vec<(C::State, usize)>, bad: &mut BTreeMap<usize, String>) {
        let mut work: Vec<_> = states.chunks(BATCH).rev().map(<[_]>::to_vec).collect();
        while let Some(mut batch) = work.pop() {
            if batch.is_empty() {
                continue;
            }
            let states: Vec<C::State> = batch.iter().map(|(state, _)| state.clone()).collect();
            let Err(reason) = self.commit(states).await else { continue };
            if let [(_, index)] = batch.as_slice() {
                bad.insert(*index, reason);
            } else {
                work.push(batch.split_off(batch.len() / 2));
                work.push(batch);
            }
        }
    }

    /// One transaction; retried in place while the cause may pass. The error is for good.
    async fn commit(&self, states: Vec<C::State>) -> Result<(), String> {
        let mut backoff = Backoff::default();
        let mut tries = 0;
        loop {
            match self.consumer.store(&self.context.db, states.clone()).await {
                Ok(()) => {
                    if Consumer::remembers(self.consumer) {
                        self.consumer.remember(&states);
                        self.context.replicas.tell(C::State::STREAM, &states).await;
                    }
                    return Ok(());
                }
                Err(ApplyError::Permanent(reason)) => return Err(reason),
                Err(ApplyError::Unknown(reason)) if tries >= TRIES => return Err(reason),
                Err(error) => {
                    tries += u32::from(matches!(error, ApplyError::Unknown(_)));
                    tracing::warn!(%error, stream = C::State::STREAM, "A batch could not be applied yet; trying again.");
                    sleep(backoff.pause()).await;
                }
            }
        }
    }
}

/// Applies and commits states in one transaction.
pub(super) async fn in_transaction<C: Consumer + ?Sized>(
    consumer: &C,
    db: &Db,
    states: Vec<C::State>,
) -> Result<(), ApplyError> {
    let mut tx = db.begin_consuming().await?;
    consumer.apply(&mut tx, states).await?;
    Ok(tx.commit().await?)
}

/// Parks a message, as long as it takes: it must not be acknowledged before it is safe elsewhere.
pub(super) async fn park(
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
        sleep(backoff.pause().min(Duration::from_secs(5))).await;
    }
}

fn collect<S: State>(
    newest: &mut BTreeMap<Key, (S, usize)>,
    bad: &mut BTreeMap<usize, String>,
    index: usize,
    raw: &RawValue,
) {
    let state = serde_json::from_str::<S>(raw.get()).map_err(|error| format!("not a state: {error}"));
    match state.and_then(|state| envelope::check(&state).map(|()| state)) {
        Ok(state) => {
            let known = newest.get(&state.key()).is_some_and(|(known, _)| known.version() >= state.version());
            if !known {
                newest.insert(state.key(), (state, index));
            }
        }
        Err(reason) => {
            bad.insert(index, reason);
        }
    }
}
