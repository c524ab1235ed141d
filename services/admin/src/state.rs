//! What every handler can reach.

use axum::extract::FromRef;
use shared::auth::{Accounts, Auth};
use shared::db::Db;
use shared::lifecycle::Deps;

/// The service's state. Clones share it.
#[derive(Clone)]
pub(crate) struct AppState {
    /// The database.
    pub(crate) db: Db,
    /// Who is asking.
    pub(crate) auth: Auth,
}

impl AppState {
    pub(crate) fn new(deps: &Deps) -> Self {
        let auth = Auth { keys: deps.keys.clone(), accounts: Accounts::default(), clock: deps.clock.clone() };
        Self { db: deps.db.clone(), auth }
    }
}

impl FromRef<AppState> for Auth {
    fn from_ref(state: &AppState) -> Self {
        state.auth.clone()
    }
}
