//! What every handler can reach.

use axum::extract::FromRef;
use shared::auth::{Accounts, Auth};
use shared::db::Db;
use shared::lifecycle::Deps;

use crate::config::Config;
use crate::memory::FeedMemory;

/// The service's state. Clones share it.
#[derive(Clone)]
pub(crate) struct AppState {
    /// The database.
    pub(crate) db: Db,
    /// Who is asking.
    pub(crate) auth: Auth,
    /// What the feed is read from.
    pub(crate) feed: FeedMemory,
}

impl AppState {
    pub(crate) fn new(config: &Config, deps: &Deps) -> Self {
        let auth = Auth { keys: deps.keys.clone(), accounts: Accounts::default(), clock: deps.clock.clone() };
        let feed = FeedMemory::new(config.feed_max_posts, deps.settings.cache_max_bytes, auth.accounts.clone());
        Self { db: deps.db.clone(), auth, feed }
    }
}

impl FromRef<AppState> for Auth {
    fn from_ref(state: &AppState) -> Self {
        state.auth.clone()
    }
}
