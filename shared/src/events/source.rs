//! Sources: the owner's side of a stream, from which the owner's states can be read and sent again.
//!
//! [`Source`] is typed by the state that a service publishes. [`AnySource`] is the same without the type: states are
//! JSON there, so that resync, comparison and the operator's commands can handle all streams of a service in one list.

use async_trait::async_trait;
use sea_orm::DbErr;
use serde::Deserialize;
use serde_json::Value;

use super::apply_error::ApplyError;
use crate::db::Reads;
use crate::outbox::{Key, State};
use crate::work::Tx;

/// The states that an owner takes back from its copies when it was restored from a backup that is older than they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// None: the copies forget what their owner has lost.
    Nothing,
    /// Tombstones only, because what was erased must not come back. The copies forget everything else.
    Tombstones,
    /// All, because a state holds everything that the owner stores about its aggregate.
    Everything,
}

/// The owner's side of a stream: reads the stream's states from the owner's tables.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// The state as it is published.
    type State: State;

    /// Reads up to `limit` states with keys above `after`, in the order of their keys, tombstones included; without
    /// `after` from the first key on.
    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<Self::State>, DbErr>;

    /// Reads the states of these keys. Keys that the owner does not know are left out.
    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<Self::State>, DbErr>;

    /// The states that a restored owner takes back from copies.
    const RECOVERY: Recovery = Recovery::Nothing;

    /// Stores these states if they are newer than the owner's own. A restore calls it with rows of a copy, as far as
    /// [`Source::RECOVERY`] says.
    async fn recover(&self, _tx: &Tx, _states: Vec<Self::State>) -> Result<(), DbErr> {
        Ok(())
    }

    /// True when the states are counters that the owner can compute again from other rows of its own (rule R11 in
    /// docs/convergence.md).
    const IS_RECOUNTABLE: bool = false;

    /// Finds the aggregates whose counters differ from the rows that they count, as keys and versions.
    async fn find_miscounted(&self, _db: &Reads) -> Result<Vec<(Key, i64)>, DbErr> {
        Ok(Vec::new())
    }

    /// Counts again for these aggregates, and publishes the states that were wrong with their next versions.
    async fn recount(&self, _tx: &mut Tx, _keys: &[Key]) -> Result<(), ApplyError> {
        Ok(())
    }
}

/// A [`Source`] of any state, for lists. Its methods are those of [`Source`], with states as JSON.
#[async_trait]
pub trait AnySource: Send + Sync + 'static {
    /// Returns the name of the stream.
    fn stream(&self) -> &'static str;
    /// Reads up to `limit` states with keys above `after`, in the order of their keys, as (key, version, JSON).
    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<(Key, i64, Value)>, DbErr>;
    /// Reads the states of these keys, as (key, version, JSON). Unknown keys are left out.
    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<(Key, i64, Value)>, DbErr>;
    /// Returns which states a restored owner takes back from copies.
    fn recovery(&self) -> Recovery;
    /// Stores those of these states that are newer than the owner's own. Fails if a value is not a state of this
    /// stream.
    async fn recover(&self, tx: &Tx, states: &[Value]) -> Result<(), DbErr>;
    /// Returns whether the states are counters that can be counted again.
    fn is_recountable(&self) -> bool;
    /// Finds the aggregates whose counters differ from the rows that they count, as keys and versions.
    async fn find_miscounted(&self, db: &Reads) -> Result<Vec<(Key, i64)>, DbErr>;
    /// Counts again for these aggregates, and publishes the states that were wrong.
    async fn recount(&self, tx: &mut Tx, keys: &[Key]) -> Result<(), ApplyError>;
}

fn as_json<S: State>(states: &[S]) -> Result<Vec<(Key, i64, Value)>, DbErr> {
    let json = |state: &S| serde_json::to_value(state).map(|value| (state.key(), state.version(), value));
    states.iter().map(json).collect::<Result<_, _>>().map_err(|error| DbErr::Json(error.to_string()))
}

#[async_trait]
impl<S: Source> AnySource for S {
    fn stream(&self) -> &'static str {
        S::State::STREAM
    }

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<(Key, i64, Value)>, DbErr> {
        as_json(&Source::page(self, db, after, limit).await?)
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<(Key, i64, Value)>, DbErr> {
        as_json(&Source::find(self, db, keys).await?)
    }

    fn recovery(&self) -> Recovery {
        S::RECOVERY
    }

    async fn recover(&self, tx: &Tx, states: &[Value]) -> Result<(), DbErr> {
        let states: Result<Vec<S::State>, _> = states.iter().map(S::State::deserialize).collect();
        Source::recover(self, tx, states.map_err(|error| DbErr::Json(error.to_string()))?).await
    }

    fn is_recountable(&self) -> bool {
        S::IS_RECOUNTABLE
    }

    async fn find_miscounted(&self, db: &Reads) -> Result<Vec<(Key, i64)>, DbErr> {
        Source::find_miscounted(self, db).await
    }

    async fn recount(&self, tx: &mut Tx, keys: &[Key]) -> Result<(), ApplyError> {
        Source::recount(self, tx, keys).await
    }
}
