//! The right of an owner to publish: not before it has asked its copies whether they have seen more of it than it has itself,
//! and not while one of them has.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Why an owner publishes nothing for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// The copies have not answered yet.
    #[error("the copies are asked first whether they know more than this database")]
    Starting,
    /// A copy knows states that the owner does not: the owner would give out their versions and ids anew.
    #[error("the database is older than its copies; `chatty restore` makes it usable again")]
    OlderThanCopies,
}

/// The state of one owner. Clones share it.
#[derive(Clone, Default)]
pub struct Writes(Arc<Inner>);

#[derive(Default)]
struct Inner {
    starting: AtomicBool,
    older: AtomicBool,
    /// Copies that have not answered since the start, as `SERVICE.STREAM`.
    unchecked: Mutex<BTreeSet<String>>,
    changed: Notify,
}

impl Writes {
    /// Checks that nothing stands against publishing.
    ///
    /// # Errors
    /// The reason that does.
    pub fn admit(&self) -> Result<(), Stopped> {
        if self.0.older.load(Ordering::Relaxed) {
            return Err(Stopped::OlderThanCopies);
        }
        if self.0.starting.load(Ordering::Relaxed) {
            return Err(Stopped::Starting);
        }
        Ok(())
    }

    /// The copies that have not answered since the start.
    pub fn unchecked(&self) -> Vec<String> {
        self.locked().iter().cloned().collect()
    }

    /// Waits until the copies have answered, or had the time to.
    pub async fn started(&self) {
        loop {
            let changed = self.0.changed.notified();
            if !self.0.starting.load(Ordering::Relaxed) {
                return;
            }
            changed.await;
        }
    }

    /// Nothing is published until the copies have been asked.
    pub(crate) fn begin(&self) {
        self.0.starting.store(true, Ordering::Relaxed);
    }

    /// The copies have been asked.
    pub(super) fn begun(&self) {
        self.0.starting.store(false, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }

    /// Notes whether a copy knows more; answers whether that is new.
    pub(super) fn set_older(&self, older: bool) -> bool {
        self.0.older.swap(older, Ordering::Relaxed) != older
    }

    /// Notes which copies have not answered yet.
    pub(super) fn set_unchecked(&self, copies: BTreeSet<String>) {
        *self.locked() = copies;
    }

    fn locked(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.unchecked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
