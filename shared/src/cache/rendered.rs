//! Cached values as finished JSON: a body is rendered once, and again only after its counters have changed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use crate::events::State;

/// Finished JSON that can be a part of larger answers without being parsed or copied. Clones share it.
#[derive(Clone, Debug)]
pub struct Json(Arc<RawValue>);

impl Json {
    /// Renders a value. A value that cannot be written as JSON becomes `null`.
    pub fn of(value: &impl Serialize) -> Self {
        Self(to_raw_value(value).unwrap_or_default().into())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// A body, and its state `S`: the part of its content that changes most often, such as counters. A new state only
/// discards the body, and the next request renders it again, because states may come more often than requests.
pub struct Rendered<S, B>(Mutex<(S, Option<B>)>);

impl<S: State, B: Clone> Rendered<S, B> {
    /// Creates a value with its first state. The body is rendered at the first call of [`Rendered::get`].
    pub fn new(state: S) -> Self {
        Self(Mutex::new((state, None)))
    }

    /// Takes over the state and discards the body if the version of `state` is higher than the known one (rule R5).
    pub fn merge(&self, state: &S) {
        let mut known = self.locked();
        if state.version() > known.0.version() {
            *known = (state.clone(), None);
        }
    }

    /// Returns the body; `render` makes it if the state has changed since the last call. The lock is held meanwhile, so
    /// concurrent requests render once.
    pub fn get(&self, render: impl FnOnce(&S) -> B) -> B {
        let mut known = self.locked();
        let (state, body) = &mut *known;
        body.get_or_insert_with(|| render(state)).clone()
    }

    /// Calls `read` with the state.
    pub fn with_state<T>(&self, read: impl FnOnce(&S) -> T) -> T {
        read(&self.locked().0)
    }

    fn locked(&self) -> MutexGuard<'_, (S, Option<B>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
