//! The contract of published states: a key, a version, and the whole public content of an aggregate.
//!
//! An event carries a whole state and never a change, so that the newest message makes all earlier ones unnecessary
//! (rule R3 in docs/convergence.md). The types of the streams are in the services; this file has what all of them have
//! in common.

use std::fmt::Debug;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::MAX_ID;

/// The key of an aggregate: one id, or a pair of ids for a like or a subscription. Keys are ordered by their first id,
/// then by their second.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(pub Vec<i64>);

impl From<i64> for Key {
    fn from(id: i64) -> Self {
        Self(vec![id])
    }
}

impl Key {
    /// Returns the first id, or zero if the key is empty.
    pub fn first(&self) -> i64 {
        self.0.first().copied().unwrap_or_default()
    }

    /// Returns the key directly before this one in the order of keys, so that a page of the keys after the returned key
    /// begins with this one.
    #[must_use]
    pub fn predecessor(&self) -> Self {
        let mut ids = self.0.clone();
        if let Some(last) = ids.last_mut() {
            *last -= 1;
        }
        Self(ids)
    }

    /// Returns the second id of a pair, or zero if the key is one id.
    pub fn second(&self) -> i64 {
        self.0.get(1).copied().unwrap_or_default()
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ids: Vec<String> = self.0.iter().map(i64::to_string).collect();
        f.write_str(&ids.join("/"))
    }
}

/// The people who may wait until a copy has a state, see `http::positions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Everybody with an account.
    Members,
    /// The person whose id the key begins with.
    Person,
    /// Administrators.
    Admins,
}

/// The whole public state of one aggregate, in the form in which its owner sends it or a consumer reads it.
pub trait State: Serialize + DeserializeOwned + Clone + Debug + PartialEq + Send + Sync + 'static {
    /// The name of the stream on which the states travel.
    const STREAM: &'static str;

    /// Returns the key of the aggregate.
    fn key(&self) -> Key;

    /// Returns the version of the aggregate. Versions begin with 1 and rise with every change (rule R2 in
    /// docs/convergence.md).
    fn version(&self) -> i64;

    /// The people who may wait for a position of this stream. Somebody who waits learns whether the state exists, so only
    /// admins may unless the stream says otherwise.
    const READERS: Readers = Readers::Admins;

    /// Returns true if no copy needs the state any more. A copy may keep or delete the row of an expired state, so
    /// neither is drift. Hardly any state ever expires (rule R6 in docs/convergence.md names the exception).
    fn has_expired(&self, _now: Timestamp) -> bool {
        false
    }
}

/// Checks that the version and all ids of a state are from 1 to [`MAX_ID`]. A consumer parks a message with a state
/// that fails the check.
///
/// # Errors
/// A part of a sentence that names the value out of range.
pub(crate) fn check<S: State>(state: &S) -> Result<(), String> {
    if !(1..=MAX_ID).contains(&state.version()) {
        return Err(format!("version {} is out of range", state.version()));
    }
    match state.key().0.iter().find(|id| !(1..=MAX_ID).contains(id)) {
        Some(id) => Err(format!("id {id} is out of range")),
        None => Ok(()),
    }
}
