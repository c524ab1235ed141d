//! The public keys that tokens are verified with: given at the start, or fetched from auth and kept on disk.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{self, SHA256};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;
use quick_cache::sync::Cache;
use tokio::sync::RwLock;
use tokio::time::{Instant, sleep};

use super::token::Claims;
use crate::error::ApiError;
use crate::lifecycle::{Backoff, Cancel};

/// An unknown key id leads to one fetch, and then to none for this long.
const REFETCH: Duration = Duration::from_secs(10);
/// How many tokens are remembered: some 15 MB at most.
const VERIFIED: usize = 50_000;
/// How often the keys are fetched anyway.
const REFRESH: Duration = Duration::from_secs(300);

/// A set of public keys. Clones share it.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    known: RwLock<HashMap<String, DecodingKey>>,
    /// How often the keys have changed.
    changes: AtomicU64,
    verified: Verified,
    remote: Option<Remote>,
}

/// Tokens whose signature is good, by their digests: whoever reads this memory has no token.
type Verified = Cache<Seen, Arc<Claims>>;

/// The digest of a token and of how often the keys have changed.
pub(super) type Seen = [u8; 32];

struct Remote {
    url: String,
    file: PathBuf,
    client: reqwest::Client,
    fetched: tokio::sync::Mutex<Option<Instant>>,
}

impl Keys {
    /// Keys that never change: auth's own.
    pub fn fixed(set: &JwkSet) -> Self {
        Self::new(decoding_keys(set), None)
    }

    /// Keys at a URL, with the last ones in `file` for a start while auth is down.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn remote(url: String, file: PathBuf) -> Result<Self, reqwest::Error> {
        let client = crate::http::own_client()?;
        let cached = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice::<JwkSet>(&bytes).ok());
        let known = cached.map(|set| decoding_keys(&set)).unwrap_or_default();
        let remote = Remote { url, file, client, fetched: tokio::sync::Mutex::default() };
        Ok(Self::new(known, Some(remote)))
    }

    fn new(known: HashMap<String, DecodingKey>, remote: Option<Remote>) -> Self {
        let (known, changes, verified) = (RwLock::new(known), AtomicU64::new(0), Cache::new(VERIFIED));
        Self(Arc::new(Inner { known, changes, verified, remote }))
    }

    /// Whether any key was ever loaded.
    pub async fn loaded(&self) -> bool {
        !self.0.known.read().await.is_empty()
    }

    /// The key of this id. An unknown id leads to a fetch, at most every ten seconds.
    pub(super) async fn find(&self, kid: &str) -> Result<Option<DecodingKey>, ApiError> {
        if let Some(key) = self.0.known.read().await.get(kid) {
            return Ok(Some(key.clone()));
        }
        self.fetch_if_due().await;
        let known = self.0.known.read().await;
        if known.is_empty() {
            return Err(ApiError::unavailable("keys_unavailable", "Tokens cannot be checked yet"));
        }
        Ok(known.get(kid).cloned())
    }

    /// The digest under which a token is remembered, until the keys change.
    pub(super) fn seen(&self, token: &str) -> Seen {
        let mut hasher = digest::Context::new(&SHA256);
        hasher.update(&self.0.changes.load(Ordering::Acquire).to_be_bytes());
        hasher.update(token.as_bytes());
        let mut seen = Seen::default();
        seen.iter_mut().zip(hasher.finish().as_ref()).for_each(|(byte, digest)| *byte = *digest);
        seen
    }

    /// Tokens whose signature is good.
    pub(super) fn verified(&self) -> &Verified {
        &self.0.verified
    }

    async fn fetch_if_due(&self) {
        let Some(remote) = &self.0.remote else { return };
        let mut fetched = remote.fetched.lock().await;
        if fetched.is_some_and(|at| at.elapsed() < REFETCH) {
            return;
        }
        *fetched = Some(Instant::now());
        if let Err(error) = self.fetch(remote).await {
            tracing::warn!(%error, "The public keys could not be fetched.");
        }
    }

    async fn fetch(&self, remote: &Remote) -> Result<(), reqwest::Error> {
        let set: JwkSet = remote.client.get(&remote.url).send().await?.error_for_status()?.json().await?;
        let keys = decoding_keys(&set);
        let mut known = self.0.known.write().await;
        let same = known.len() == keys.len() && keys.keys().all(|kid| known.contains_key(kid));
        *known = keys;
        drop(known);
        if !same {
            self.0.changes.fetch_add(1, Ordering::Release);
        }
        let written = serde_json::to_vec(&set).map_err(std::io::Error::other);
        if let Err(error) = written.and_then(|bytes| std::fs::write(&remote.file, bytes)) {
            tracing::warn!(%error, "The public keys could not be kept on disk.");
        }
        Ok(())
    }

    /// Keeps remote keys fresh until cancelled.
    pub async fn refresh(self, cancel: Cancel) {
        let Some(remote) = &self.0.remote else { return cancel.cancelled().await };
        let mut backoff = Backoff::default();
        while !cancel.is_cancelled() {
            let pause = match self.fetch(remote).await {
                Ok(()) => {
                    backoff.reset();
                    REFRESH
                }
                Err(error) => {
                    tracing::warn!(%error, "The public keys could not be fetched; trying again.");
                    backoff.pause()
                }
            };
            tokio::select! { () = sleep(pause) => {}, () = cancel.cancelled() => {} }
        }
    }
}

fn decoding_keys(set: &JwkSet) -> HashMap<String, DecodingKey> {
    let key = |jwk: &jsonwebtoken::jwk::Jwk| Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?));
    set.keys.iter().filter_map(key).collect()
}
