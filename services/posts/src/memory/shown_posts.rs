//! A bounded cache of posts as finished JSON bodies. It follows each commit of this service, so that an answer from the
//! cache is never older than an answer to an earlier write.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::Bytes;
use axum::http::HeaderValue;
use sea_orm::DbErr;
use shared::auth::Accounts;
use shared::cache::{Cache, Load, Rendered};
use shared::db::Reads;
use shared::events::OwnMemory;
use shared::ids::UserId;
use shared::pictures::Pictures;
use shared::text::mentions::rendered_bytes;

use crate::answers::post::PostOut;
use crate::db::queries::posts;
use crate::domain::etag;
use crate::domain::ids::PostId;
use crate::error::Error;
use crate::streams::post::PostState;
use crate::streams::post_counts::CountsState;

/// A post with its counters and its author's username, which never changes.
pub(crate) struct CachedPost {
    post: PostState,
    author: String,
    /// The counters, and the rendered body with its entity tag once a request has needed them.
    body: Rendered<CountsState, (Bytes, HeaderValue)>,
}

impl CachedPost {
    fn new(post: PostState, counts: CountsState, author: String) -> Self {
        Self { post, author, body: Rendered::new(counts) }
    }

    /// Returns the author.
    ///
    /// # Errors
    /// [`Error::PostNotFound`] for a tombstone, which the cache does not hold.
    pub(crate) fn author(&self) -> Result<UserId, Error> {
        self.post.author_id.ok_or(Error::PostNotFound)
    }

    /// The JSON body and its entity tag. They are rendered once per version, when a request needs them.
    pub(crate) fn body(&self) -> (Bytes, HeaderValue) {
        self.body.get(|counts| {
            let etag = etag::write(self.post.version, counts.version);
            let body = serde_json::to_vec(&PostOut::of(&self.post, counts, &self.author)).unwrap_or_default();
            (body.into(), HeaderValue::try_from(etag).unwrap_or_else(|_never| HeaderValue::from_static("\"\"")))
        })
    }
}

/// Reads posts for the cache.
pub(crate) struct PostLoader;

#[async_trait]
impl Load for PostLoader {
    type Value = CachedPost;

    async fn load(&self, db: &Reads, ids: &[i64]) -> Result<Vec<(i64, CachedPost)>, DbErr> {
        let found = posts::find_all(db, ids.iter().map(|id| PostId(*id))).await?;
        let loaded = found
            .into_iter()
            .map(|found| (found.post.id.0, CachedPost::new(found.post.into(), found.counts.into(), found.author)));
        Ok(loaded.collect())
    }

    fn bytes(cached: &CachedPost) -> usize {
        let post = &cached.post;
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        // The text is in memory twice: as it was stored, and in the rendered body.
        let entities = post.content.as_deref().map_or(0, rendered_bytes);
        let pictures = post.images.as_ref().map_or(0, Pictures::bytes);
        300 + 2 * (text(&post.title) + text(&post.content) + text(&post.image_url) + pictures) + entities
    }
}

/// The cache of visible posts. Clones share it.
#[derive(Clone)]
pub(crate) struct ShownPosts {
    /// The cached posts by their ids.
    pub(crate) cache: Cache<PostLoader>,
    accounts: Accounts,
}

impl ShownPosts {
    /// Creates a cache of at most `bytes` bytes. `accounts` tells which authors are hidden.
    pub(crate) fn new(bytes: u64, accounts: Accounts) -> Self {
        Self { cache: Cache::new(bytes), accounts }
    }

    /// Finds a visible post, in the cache or in the database.
    ///
    /// # Errors
    /// [`Error::PostNotFound`] when the post does not exist or is not visible; an [`Error::Request`] when the database
    /// cannot be read, or too many requests wait for it.
    pub(crate) async fn find(&self, id: PostId) -> Result<Arc<CachedPost>, Error> {
        let found = self.cache.find(id.0).await?.ok_or(Error::PostNotFound)?;
        // The cache follows posts and counters, not people. So a block of the author is looked up on each read.
        let author = found.post.author_id.and_then(|author| self.accounts.get(author));
        if author.is_none_or(|author| author.active) { Ok(found) } else { Err(Error::PostNotFound) }
    }
}

impl OwnMemory<PostState> for ShownPosts {
    fn remember(&self, states: &[PostState]) {
        // The state alone does not tell whether the post is visible, so the post is read again when a request next
        // needs it.
        states.iter().for_each(|state| self.cache.forget(state.id.0));
    }

    fn forget_all(&self) {
        self.cache.clear();
    }
}

impl OwnMemory<CountsState> for ShownPosts {
    fn remember(&self, states: &[CountsState]) {
        states.iter().for_each(|state| self.cache.update(state.id.0, |cached| cached.body.merge(state)));
    }

    fn forget_all(&self) {
        self.cache.clear();
    }
}
