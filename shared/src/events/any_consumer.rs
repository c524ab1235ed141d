//! Consumers without the type of their states: states are JSON here, so that comparison, resync, replicas and the
//! operator's commands can handle all copies of a service in one list.

use async_trait::async_trait;
use sea_orm::DbErr;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::consumer::StoredCopy;
use super::context::Context;
use super::runner;
use crate::clock::Timestamp;
use crate::db::Reads;
use crate::outbox::{Key, Readers, State};
use crate::work::Tx;

/// A consumer of any state, with its copy and its memory. Every [`StoredCopy`] implements this trait.
#[async_trait]
pub trait AnyConsumer: Send + Sync + 'static {
    /// Returns the name of the consumed stream.
    fn stream(&self) -> &'static str;
    /// Returns who may wait for a position of the stream.
    fn readers(&self) -> Readers;
    /// Consumes the stream's queue until cancelled.
    async fn run(&self, context: Context);
    /// Returns the name of the copy's table; `None` if the copy is not one table.
    fn table(&self) -> Option<&'static str>;
    /// Loads all rows of the copy into the memory that follows it, if there is one.
    async fn load_memory(&self, db: &Reads) -> Result<(), DbErr>;
    /// Returns whether a memory follows the copy.
    fn has_memory(&self) -> bool;
    /// Merges into the memory the states that another replica has applied. States that do not parse are skipped.
    fn merge_into_memory(&self, states: &[Box<RawValue>]);
    /// Forgets a key in the memory.
    fn forget_in_memory(&self, key: &Key);
    /// Reads up to `limit` rows with keys above `after`, in the order of their keys; without `after` from the first key
    /// on.
    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<Row>, DbErr>;
    /// Reads the rows of these keys. Keys without a row are left out.
    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<Row>, DbErr>;
    /// Reads keys and versions of the `limit` rows with the highest keys and of the `limit` rows with the highest
    /// versions. A row may occur twice.
    async fn newest(&self, db: &Reads, limit: u64) -> Result<Vec<(Key, i64)>, DbErr>;
    /// Returns whether applying a state with this key would have an effect, see [`StoredCopy::can_apply`].
    async fn can_apply(&self, db: &Reads, key: &Key) -> Result<bool, DbErr>;
    /// Turns the owner's state into the row that this copy would store.
    fn as_copied(&self, state: &Value) -> Result<Row, serde_json::Error>;
    /// Returns whether no copy needs the owner's state any more, see [`State::has_expired`].
    fn has_expired(&self, state: &Value, now: Timestamp) -> Result<bool, serde_json::Error>;
    /// Deletes the row with this key if it still has this version.
    async fn delete(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr>;
}

/// A row of a copy in the form in which it is compared with the owner's state.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The key of the aggregate.
    pub key: Key,
    /// The version of the stored state.
    pub version: i64,
    /// The fields that the copy stores, as JSON.
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

#[async_trait]
impl<C: StoredCopy> AnyConsumer for C {
    fn stream(&self) -> &'static str {
        C::State::STREAM
    }

    fn readers(&self) -> Readers {
        C::State::READERS
    }

    async fn run(&self, context: Context) {
        runner::run(self, context).await;
    }

    fn table(&self) -> Option<&'static str> {
        StoredCopy::table(self)
    }

    async fn load_memory(&self, db: &Reads) -> Result<(), DbErr> {
        match self.memory() {
            Some(memory) => memory.load(db).await,
            None => Ok(()),
        }
    }

    fn has_memory(&self) -> bool {
        self.memory().is_some()
    }

    fn merge_into_memory(&self, states: &[Box<RawValue>]) {
        let Some(memory) = self.memory() else { return };
        // Skipped, not refused: a replica that runs another version may send states that this one cannot read.
        let states: Vec<C::State> = states.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect();
        memory.remember(&states);
    }

    fn forget_in_memory(&self, key: &Key) {
        if let Some(memory) = self.memory() {
            memory.forget(key);
        }
    }

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<Row>, DbErr> {
        let states = StoredCopy::page(self, db, after, limit).await?;
        as_rows(&states)
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<Row>, DbErr> {
        as_rows(&StoredCopy::find(self, db, keys).await?)
    }

    async fn newest(&self, db: &Reads, limit: u64) -> Result<Vec<(Key, i64)>, DbErr> {
        let states = StoredCopy::newest(self, db, limit).await?;
        Ok(states.iter().map(|state| (state.key(), state.version())).collect())
    }

    async fn can_apply(&self, db: &Reads, key: &Key) -> Result<bool, DbErr> {
        StoredCopy::can_apply(self, db, key).await
    }

    fn as_copied(&self, state: &Value) -> Result<Row, serde_json::Error> {
        // Parsing drops the fields of the owner's state that this copy does not read.
        Row::of(&StoredCopy::as_copied(self, C::State::deserialize(state)?))
    }

    fn has_expired(&self, state: &Value, now: Timestamp) -> Result<bool, serde_json::Error> {
        Ok(C::State::deserialize(state)?.has_expired(now))
    }

    async fn delete(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr> {
        StoredCopy::delete(self, tx, key, version).await
    }
}
