//! The state that every handler can reach.

use std::sync::Arc;

use axum::extract::FromRef;
use shared::auth::{Auth, Viewer};
use shared::batch::Batches;
use shared::config::ConfigError;
use shared::ids::UserId;
use shared::service::Deps;
use shared::work::Db;

use crate::actions::shared_writes::SharedWrites;
use crate::config::Config;
use crate::domain::ids::PostId;
use crate::error::Error;
use crate::media::{MediaStore, Uploads};
use crate::memory::ranking::Ranking;
use crate::memory::shown_posts::{CachedPost, ShownPosts};

/// The state of the service. Clones share it.
#[derive(Clone)]
pub(crate) struct AppState {
    /// The database.
    pub(crate) db: Db,
    /// The keys and accounts by which access tokens are verified.
    pub(crate) auth: Auth,
    /// The store of pictures.
    pub(crate) media: MediaStore,
    /// The limits on the memory for uploads, with the memory that is in use.
    pub(crate) uploads: Uploads,
    /// True when all requests come through a gateway, so that an answer may tell the gateway which file to send.
    pub(crate) behind_gateway: bool,
    /// The cache of posts as finished bodies.
    pub(crate) shown: ShownPosts,
    /// The turns of searches whose results are ranked.
    pub(crate) ranking: Ranking,
    /// The beginning of the URLs in feeds, without a slash at the end.
    pub(crate) public_url: Arc<str>,
    /// The queue of likes, views and comments that share transactions.
    pub(crate) writes: Batches<SharedWrites>,
}

impl AppState {
    /// Opens the media store and creates empty caches and queues. Nothing is connected yet.
    ///
    /// # Errors
    /// When the media folder cannot be created or written to.
    pub(crate) fn new(config: &Config, deps: &Deps) -> Result<Self, ConfigError> {
        let auth = Auth::new(deps.keys.clone(), deps.clock.clone());
        let shown = ShownPosts::new(deps.settings.cache_max_bytes, auth.accounts.clone());
        let (media, uploads, writes) = (MediaStore::open(&config.media)?, Uploads::default(), Batches::default());
        // Nobody but a gateway can reach a service that listens on a socket file.
        let behind_gateway = deps.settings.behind_gateway || deps.settings.socket.is_some();
        let (db, public_url) = (deps.db.clone(), deps.settings.public_url.as_str().into());
        let ranking = Ranking::default();
        Ok(Self { shown, db, auth, media, uploads, behind_gateway, ranking, public_url, writes })
    }

    /// Finds a visible post for the sender of a request that needs no token.
    ///
    /// # Errors
    /// [`Error::PostNotFound`] also when a block is between the sender and the author; else as [`ShownPosts::find`].
    pub(crate) async fn find_post_for(&self, viewer: &Viewer, id: PostId) -> Result<Arc<CachedPost>, Error> {
        let found = self.shown.find(id).await?;
        if viewer.sees(found.author()?).await { Ok(found) } else { Err(Error::PostNotFound) }
    }

    /// Finds the author of a visible post on which a person is about to act.
    ///
    /// # Errors
    /// [`Error::PostNotFound`] also when a block is between the two; else as [`ShownPosts::find`].
    pub(crate) async fn find_author_for(&self, person: UserId, id: PostId) -> Result<UserId, Error> {
        let author = self.shown.find(id).await?.author()?;
        if self.auth.personal_blocks.part(person, author) { Err(Error::PostNotFound) } else { Ok(author) }
    }
}

impl FromRef<AppState> for Auth {
    fn from_ref(state: &AppState) -> Self {
        state.auth.clone()
    }
}
