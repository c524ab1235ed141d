//! The state that all handlers share.

use axum::extract::FromRef;
use shared::auth::Auth;
use shared::service::Deps;
use shared::work::Db;

use crate::config::Config;
use crate::memory::feed::FeedMemory;

/// The service's state. Clones share it.
#[derive(Clone)]
pub(crate) struct AppState {
    /// The database.
    pub(crate) db: Db,
    /// The keys and accounts that access tokens are verified with.
    pub(crate) auth: Auth,
    /// The memory that feeds are read from.
    pub(crate) feed: FeedMemory,
}

impl AppState {
    /// Creates the state with empty memory, which the consumers fill.
    pub(crate) fn new(config: &Config, deps: &Deps) -> Self {
        let auth = Auth::new(deps.keys.clone(), deps.clock.clone());
        let feed = FeedMemory::new(config.feed_max_posts, deps.settings.cache_max_bytes, auth.accounts.clone());
        Self { db: deps.db.clone(), auth, feed }
    }
}

impl FromRef<AppState> for Auth {
    fn from_ref(state: &AppState) -> Self {
        state.auth.clone()
    }
}
