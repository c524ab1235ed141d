//! The memory of people: whose access tokens are refused, and whose likes and comments the counters may lack.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::DbErr;
use shared::auth::{AccountRow, Accounts};
use shared::db::Reads;
use shared::events::{Key, Memory};
use shared::ids::UserId;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::db::entities::users::Model;

/// The time for which the counters may lack a person's likes and comments after the last state that hid this person or
/// made this person visible again. It is longer than the pauses before the last round of a recount take together, see
/// `db::queries::recounts`.
const UNCERTAIN_FOR: Duration = Duration::from_secs(15 * 60);

/// People, as the applied states of auth describe them. Clones share the memory.
#[derive(Clone, Default)]
pub(crate) struct People {
    accounts: Accounts,
    /// The people who have recently become hidden, or visible again, with the time of the last such state.
    recently_changed: Arc<RwLock<HashMap<UserId, Instant>>>,
    wake: Arc<Notify>,
}

#[async_trait]
impl Memory<Model> for People {
    fn remember(&self, rows: &[Model]) {
        // A person who is hidden now leaves the counters. A person who was hidden until now may come back into them.
        let changed: Vec<UserId> =
            rows.iter().filter(|row| !row.account().active || self.is_hidden(row.id)).map(|row| row.id).collect();
        if !changed.is_empty() {
            let now = Instant::now();
            let mut recently = self.recently_changed.write().unwrap_or_else(PoisonError::into_inner);
            recently.retain(|_, since| now - *since < UNCERTAIN_FOR);
            recently.extend(changed.iter().map(|id| (*id, now)));
        }
        // The accounts are updated last. So a write that looks in between still finds a person who comes back in one of
        // the two maps.
        self.accounts.remember(rows);
        if !changed.is_empty() {
            self.wake.notify_one();
        }
    }

    fn forget(&self, key: &Key) {
        Memory::<Model>::forget(&self.accounts, key);
    }

    async fn load(&self, db: &Reads) -> Result<(), DbErr> {
        Memory::<Model>::load(&self.accounts, db).await
    }
}

impl People {
    /// Creates a memory that keeps `accounts` up to date. Authentication consults these accounts on each request.
    pub(crate) fn new(accounts: Accounts) -> Self {
        Self { accounts, ..Self::default() }
    }

    /// True while the counters may lack this person's likes and comments, so that adding one to a counter, or taking
    /// one away, could be wrong.
    pub(crate) fn may_be_uncounted(&self, id: UserId) -> bool {
        self.is_hidden(id) || self.recently_changed.read().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }

    /// Waits until a state has hidden somebody or made somebody visible again. A state that came while nobody waited is
    /// not missed.
    pub(crate) async fn wait_for_change(&self) {
        self.wake.notified().await;
    }

    fn is_hidden(&self, id: UserId) -> bool {
        self.accounts.get(id).is_some_and(|account| !account.active)
    }
}
