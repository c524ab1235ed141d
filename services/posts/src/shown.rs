//! Posts as they are answered: finished bodies in a bounded cache, which follows what this service commits.

use std::sync::Arc;

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use sea_orm::DbErr;
use shared::auth::Accounts;
use shared::cache::{Cache, Load, Rendered};
use shared::db::Reads;
use shared::events::OwnMemory;
use shared::http::conditional::{Verdict, evaluate};

use crate::db::queries::posts::{self, CountsState, PostState};
use crate::domain::etag;
use crate::domain::ids::PostId;
use crate::error::Error;
use crate::routes::posts::PostOut;

/// A post with its counters and its author's name, which never changes.
pub(crate) struct ShownPost {
    post: PostState,
    author: String,
    /// The body and its ETag.
    body: Rendered<CountsState, (Bytes, HeaderValue)>,
}

impl ShownPost {
    fn new(post: PostState, counts: CountsState, author: String) -> Self {
        Self { post, author, body: Rendered::new(counts) }
    }

    /// The body and its ETag.
    fn body(&self) -> (Bytes, HeaderValue) {
        self.body.get(|counts| {
            let etag = etag::write(self.post.version, counts.version);
            let body = serde_json::to_vec(&PostOut::of(&self.post, counts, &self.author)).unwrap_or_default();
            (body.into(), HeaderValue::try_from(etag).unwrap_or_else(|_never| HeaderValue::from_static("\"\"")))
        })
    }

    /// The answer to a client that may have it already.
    pub(crate) fn answer(&self, headers: &HeaderMap) -> Result<Response, Error> {
        let (body, etag) = self.body();
        let is_current = |opaque: &str| etag.to_str().is_ok_and(|current| current.trim_matches('"') == opaque);
        let mut response = match evaluate(&Method::GET, headers, is_current) {
            Verdict::Failed => return Err(Error::VersionMismatch),
            Verdict::NotModified => {
                let mut response = Response::default();
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                response
            }
            Verdict::Go => {
                let mut response = Response::new(Body::from(body));
                response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
        };
        response.headers_mut().insert(header::ETAG, etag);
        Ok(response)
    }
}

/// Reads posts for the cache.
pub(crate) struct FromDatabase;

#[async_trait]
impl Load for FromDatabase {
    type Value = ShownPost;

    async fn load(&self, db: &Reads, ids: &[i64]) -> Result<Vec<(i64, ShownPost)>, DbErr> {
        let found = posts::find_all(db, ids.iter().map(|id| PostId(*id))).await?;
        let shown = found
            .into_iter()
            .map(|found| (found.post.id.0, ShownPost::new(found.post.into(), found.counts.into(), found.author)));
        Ok(shown.collect())
    }

    fn bytes(shown: &ShownPost) -> usize {
        let post = &shown.post;
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        // The text is there twice: as it was stored and as it is answered.
        300 + 2 * (text(&post.title) + text(&post.content) + text(&post.image_url))
    }
}

/// The cache.
#[derive(Clone)]
pub(crate) struct ShownPosts {
    /// The posts by their ids.
    pub(crate) cache: Cache<FromDatabase>,
    accounts: Accounts,
}

impl ShownPosts {
    /// A cache of at most so many bytes.
    pub(crate) fn new(bytes: u64, accounts: Accounts) -> Self {
        Self { cache: Cache::new(bytes), accounts }
    }

    /// A post that is shown now.
    pub(crate) async fn find(&self, id: PostId) -> Result<Arc<ShownPost>, Error> {
        let shown = self.cache.find(id.0).await?.ok_or(Error::PostNotFound)?;
        // Whoever wrote it may have been blocked since.
        let author = shown.post.author_id.and_then(|author| self.accounts.get(author));
        if author.is_none_or(|author| author.active) { Ok(shown) } else { Err(Error::PostNotFound) }
    }
}

impl OwnMemory<PostState> for ShownPosts {
    fn remember(&self, states: &[PostState]) {
        states.iter().for_each(|state| self.cache.forget(state.id.0));
    }

    fn forget_all(&self) {
        self.cache.clear();
    }
}

impl OwnMemory<CountsState> for ShownPosts {
    fn remember(&self, states: &[CountsState]) {
        states.iter().for_each(|state| self.cache.update(state.id.0, |known| known.body.merge(state)));
    }

    fn forget_all(&self) {
        self.cache.clear();
    }
}
