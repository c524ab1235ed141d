//! What every handler can reach.

use axum::extract::FromRef;
use shared::auth::{Accounts, Auth};
use shared::batch::Batches;
use shared::config::ConfigError;
use shared::db::Db;
use shared::lifecycle::Deps;

use crate::config::Config;
use crate::media::Media;
use crate::shown::ShownPosts;
use crate::uploads::Uploads;
use crate::writes::Writes;

/// The service's state. Clones share it.
#[derive(Clone)]
pub(crate) struct AppState {
    /// The database.
    pub(crate) db: Db,
    /// Who is asking.
    pub(crate) auth: Auth,
    /// The pictures.
    pub(crate) media: Media,
    /// The room for pictures on their way into the store.
    pub(crate) uploads: Uploads,
    /// Whether all requests come from a gateway, which may be told where the pictures lie.
    pub(crate) behind_gateway: bool,
    /// Posts as they are answered.
    pub(crate) shown: ShownPosts,
    /// The way of likes, views and comments into shared commits.
    pub(crate) writes: Batches<Writes>,
}

impl AppState {
    pub(crate) fn new(config: &Config, deps: &Deps) -> Result<Self, ConfigError> {
        let auth = Auth { keys: deps.keys.clone(), accounts: Accounts::default(), clock: deps.clock.clone() };
        let shown = ShownPosts::new(deps.settings.cache_max_bytes, auth.accounts.clone());
        let (media, uploads, writes) = (Media::open(&config.media)?, Uploads::default(), Batches::default());
        let behind_gateway = deps.settings.behind_gateway || deps.settings.socket.is_some();
        Ok(Self { shown, db: deps.db.clone(), auth, media, uploads, behind_gateway, writes })
    }
}

impl FromRef<AppState> for Auth {
    fn from_ref(state: &AppState) -> Self {
        state.auth.clone()
    }
}
