//! The permit to publish (ADR 15).
//!
//! An owner that came back from an old backup would assign versions and ids that its copies have already seen. So it
//! publishes nothing before it has asked the copies at its start, and nothing as long as one of the copies knows more
//! than the owner. The comparison in [`crate::events`] sets the permit; this file only holds it, because
//! [`crate::work`] has to check it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The reason why an owner publishes nothing for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Withheld {
    /// The copies have not answered yet.
    #[error("the copies are asked first whether they know more than this database")]
    Starting,
    /// A copy knows states that the owner does not know, so the owner would assign their versions and ids a second
    /// time.
    #[error("the database is older than its copies; `chatty restore` makes it usable again")]
    OlderThanCopies,
}

/// The permit of one service to publish as the owner of its streams. It is granted unless withheld. Clones share it.
#[derive(Clone, Default)]
pub struct PublishPermit(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// True while the start waits for the answers of the copies.
    is_starting: AtomicBool,
    /// True while a copy knows more than the owner.
    is_older_than_copies: AtomicBool,
    /// The copies that have not answered since the start, as `SERVICE.STREAM`.
    unchecked: Mutex<BTreeSet<String>>,
    changed: Notify,
}

impl PublishPermit {
    /// Checks that the owner may publish.
    ///
    /// # Errors
    /// The reason why it may not.
    pub fn check(&self) -> Result<(), Withheld> {
        // Checked first, because this reason needs the operator, whereas a start ends by itself.
        if self.0.is_older_than_copies.load(Ordering::Relaxed) {
            return Err(Withheld::OlderThanCopies);
        }
        if self.0.is_starting.load(Ordering::Relaxed) {
            return Err(Withheld::Starting);
        }
        Ok(())
    }

    /// Lists the copies that have not answered since the start, as `SERVICE.STREAM`.
    pub fn unchecked(&self) -> Vec<String> {
        self.locked().iter().cloned().collect()
    }

    /// Waits until the copies have answered or the time for their answers is over.
    pub async fn wait_until_granted(&self) {
        loop {
            // Registered before the flag is read, so that a change between the two is not missed.
            let changed = self.0.changed.notified();
            if !self.0.is_starting.load(Ordering::Relaxed) {
                return;
            }
            changed.await;
        }
    }

    /// Withholds the permit until the copies have been asked.
    pub(crate) fn withhold(&self) {
        self.0.is_starting.store(true, Ordering::Relaxed);
    }

    /// Ends the wait for the copies' answers, and wakes the tasks that wait in [`PublishPermit::wait_until_granted`].
    pub(crate) fn grant(&self) {
        self.0.is_starting.store(false, Ordering::Relaxed);
        self.0.changed.notify_waiters();
    }

    /// Records whether a copy knows more than the owner, and returns true if this has changed.
    pub(crate) fn set_older(&self, older: bool) -> bool {
        self.0.is_older_than_copies.swap(older, Ordering::Relaxed) != older
    }

    /// Records the copies that have not answered yet.
    pub(crate) fn set_unchecked(&self, copies: BTreeSet<String>) {
        *self.locked() = copies;
    }

    fn locked(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.unchecked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
