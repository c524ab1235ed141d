//! The timelines behind the lock that requests, consumers and the cache of followees share.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::domain::Timelines;

/// The process's [`Timelines`]. Clones share them. A guard is held only while something is computed, never across a
/// database call.
#[derive(Clone)]
pub(super) struct SharedTimelines(Arc<RwLock<Timelines>>);

impl SharedTimelines {
    /// Creates empty timelines that keep at most `max_posts` posts in all, not per author.
    pub(super) fn new(max_posts: usize) -> Self {
        Self(Arc::new(RwLock::new(Timelines::new(max_posts))))
    }

    /// Locks the timelines for reading. A panic of another holder of the lock is ignored, because each change leaves
    /// the timelines consistent.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Timelines> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the timelines for writing.
    pub(super) fn write(&self) -> RwLockWriteGuard<'_, Timelines> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
