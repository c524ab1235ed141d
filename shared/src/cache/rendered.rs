//! A finished answer beside the part of it that changes most often.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::events::State;

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
