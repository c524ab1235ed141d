//! The state that all handlers share.

use axum::extract::FromRef;
use shared::auth::Auth;
use shared::service::Deps;
use shared::work::Db;

/// The service's state. Clones share it.
#[derive(Clone)]
pub(crate) struct AppState {
    /// The database.
    pub(crate) db: Db,
    /// The keys and accounts that access tokens are verified with.
    pub(crate) auth: Auth,
}

impl AppState {
    /// Creates the state. The consumers fill its accounts.
    pub(crate) fn new(deps: &Deps) -> Self {
        let auth = Auth::new(deps.keys.clone(), deps.clock.clone());
        Self { db: deps.db.clone(), auth }
    }
}

impl FromRef<AppState> for Auth {
    fn from_ref(state: &AppState) -> Self {
        state.auth.clone()
    }
}
