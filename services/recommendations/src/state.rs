//! What handlers and consumers share.

use axum::extract::FromRef;
use shared::auth::{Accounts, Auth};
use shared::cache::Cache;
use shared::db::Db;
use shared::lifecycle::Deps;

use crate::memory::Matrix;
use crate::shown::FromDatabase;

/// The state of the service; clones share it.
#[derive(Clone)]
pub(crate) struct AppState {
    /// The copies.
    pub(crate) db: Db,
    /// Who may ask.
    pub(crate) auth: Auth,
    /// The like matrix, fed by applied states only.
    pub(crate) matrix: Matrix,
    /// Finished posts.
    pub(crate) shown: Cache<FromDatabase>,
}

impl AppState {
    /// A state with empty memory; the consumers fill it.
    pub(crate) fn new(deps: &Deps) -> Self {
        let auth = Auth { keys: deps.keys.clone(), accounts: Accounts::default(), clock: deps.clock.clone() };
        let shown = Cache::new(deps.settings.cache_max_bytes);
        Self { db: deps.db.clone(), auth, matrix: Matrix::default(), shown }
    }
}

impl FromRef<AppState> for Auth {
    fn from_ref(state: &AppState) -> Self {
        state.auth.clone()
    }
}
