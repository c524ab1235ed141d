//! A finished answer beside the part of it that changes most often.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::events::State;

/// Finished JSON, as a part of larger answers. Clones share it.
#[derive(Clone, Debug)]
pub struct Json(Arc<RawValue>);

impl Json {
    /// A value as JSON; what cannot be written is null.
    pub fn of(value: &impl Serialize) -> Self {
        Self(to_raw_value(value).unwrap_or_default().into())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A body, rendered when somebody asks, and the state that changes more often than anybody asks: a post's counters.
pub struct Rendered<S, B>(Mutex<(S, Option<B>)>);

impl<S: State, B: Clone> Rendered<S, B> {
    /// Nothing is rendered yet.
    pub fn new(state: S) -> Self {
        Self(Mutex::new((state, None)))
    }

    /// Takes the state if it is newer.
    pub fn merge(&self, state: &S) {
        let mut known = self.locked();
        if state.version() > known.0.version() {
            *known = (state.clone(), None);
        }
    }

    /// The body.
    pub fn get(&self, render: impl FnOnce(&S) -> B) -> B {
        let mut known = self.locked();
        let (state, body) = &mut *known;
        body.get_or_insert_with(|| render(state)).clone()
    }

    fn locked(&self) -> MutexGuard<'_, (S, Option<B>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
