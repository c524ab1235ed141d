//! The state that all handlers share.

use axum::extract::FromRef;
use shared::auth::Auth;
use shared::service::Deps;

use crate::memory::recommender::Recommender;

/// The service's state. Clones share it.
#[derive(Clone)]
pub(crate) struct AppState {
    /// The keys and accounts that access tokens are verified with.
    pub(crate) auth: Auth,
    /// The recommender, with the memory from which it computes answers.
    pub(crate) recommender: Recommender,
}

impl AppState {
    /// Creates the state with empty memory, which the consumers fill.
    pub(crate) fn new(deps: &Deps) -> Self {
        let auth = Auth::new(deps.keys.clone(), deps.clock.clone());
        let blocks = auth.personal_blocks.clone();
        Self { auth, recommender: Recommender::new(deps.db.clone(), deps.settings.cache_max_bytes, blocks) }
    }
}

impl FromRef<AppState> for Auth {
    fn from_ref(state: &AppState) -> Self {
        state.auth.clone()
    }
}
