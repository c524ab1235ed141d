//! The public keys that access tokens are verified with, and the memory of tokens that were verified.
//!
//! The keys are a JSON Web Key Set (RFC 7517). If all services run in one process, the keys are given at the start. A
//! service that runs in its own process fetches them from auth's URL and keeps the last set in a file, so that it can
//! start and verify tokens while auth is down.

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

use super::claims::Claims;
use crate::error::ApiError;
use crate::tasks::{Backoff, Cancel};

/// The shortest time between two fetches because of unknown key ids. Without this limit, each token with an invented
/// key id would make this service send a request to auth.
const REFETCH: Duration = Duration::from_secs(10);
/// The largest number of verified tokens whose claims are remembered. They take at most about 15 MB.
const MAX_VERIFIED: usize = 50_000;
/// The interval of the regular fetch, which removes the keys that auth no longer uses.
const REFRESH: Duration = Duration::from_secs(300);

/// A set of public keys. Clones share it.
#[derive(Clone)]
pub struct Keys(Arc<Inner>);

struct Inner {
    /// The keys by their ids, `kid`.
    known: RwLock<HashMap<String, DecodingKey>>,
    /// The number of changes of the set. It is a part of each token's digest, so a change invalidates all remembered
    /// tokens.
    generation: AtomicU64,
    verified: Verified,
    /// The source of the keys; absent for keys that never change.
    remote: Option<Remote>,
}

/// The claims of verified tokens by their digests. The tokens themselves are not kept, so that a dump of this memory
/// holds no usable token.
type Verified = Cache<TokenDigest, Arc<Claims>>;

/// The SHA-256 of the generation of the keys, as 8 bytes in big-endian order, followed by the token.
pub(super) type TokenDigest = [u8; 32];

/// The source of keys that may change.
struct Remote {
    url: String,
    /// The file with the set that was fetched last.
    file: PathBuf,
    client: reqwest::Client,
    /// The time at which the last fetch because of an unknown key id began; absent before the first one. The lock is
    /// held during the fetch, so that requests with the same unknown id wait for one fetch instead of sending their
    /// own.
    fetched: tokio::sync::Mutex<Option<Instant>>,
}

impl Keys {
    /// Creates a set of the keys of `set`, which is fetched from nowhere; [`Keys::replace`] changes it. Auth and the suite
    /// in one process use such a set.
    pub fn fixed(set: &JwkSet) -> Self {
        Self::new(decoding_keys(set), None)
    }

    /// Creates a set of the keys at `url`. Until the first fetch it has the keys in `file`, where each fetched set is
    /// stored. Nothing is fetched here: [`Keys::refresh`] fetches.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn remote(url: String, file: PathBuf) -> Result<Self, reqwest::Error> {
        let client = crate::http::own_client()?;
        // A missing or damaged file is no error: the keys are fetched soon.
        let cached = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice::<JwkSet>(&bytes).ok());
        let known = cached.map(|set| decoding_keys(&set)).unwrap_or_default();
        let remote = Remote { url, file, client, fetched: tokio::sync::Mutex::default() };
        Ok(Self::new(known, Some(remote)))
    }

    fn new(known: HashMap<String, DecodingKey>, remote: Option<Remote>) -> Self {
        let (known, generation, verified) = (RwLock::new(known), AtomicU64::new(0), Cache::new(MAX_VERIFIED));
        Self(Arc::new(Inner { known, generation, verified, remote }))
    }

    /// Takes over another set. Auth calls it when its keys take turns, for the services in its process.
    pub async fn replace(&self, set: &JwkSet) {
        let keys = decoding_keys(set);
        let mut known = self.0.known.write().await;
        if is_same(&known, &keys) {
            return;
        }
        *known = keys;
        drop(known);
        self.0.generation.fetch_add(1, Ordering::Release);
    }

    /// Returns true if at least one key is known. Without keys no token can be verified.
    pub async fn is_loaded(&self) -> bool {
        !self.0.known.read().await.is_empty()
    }

    /// Finds the key with the id `kid`; `None` if auth has no such key. An unknown id leads to a fetch, at most every
    /// ten seconds, because auth may have a new key.
    ///
    /// # Errors
    /// 503 `keys_unavailable` while no key is known.
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

    /// Returns the digest under which a token is remembered until the keys change.
    pub(super) fn digest(&self, token: &str) -> TokenDigest {
        let mut hasher = digest::Context::new(&SHA256);
        hasher.update(&self.0.generation.load(Ordering::Acquire).to_be_bytes());
        hasher.update(token.as_bytes());
        let mut digest = TokenDigest::default();
        digest.iter_mut().zip(hasher.finish().as_ref()).for_each(|(to, from)| *to = *from);
        digest
    }

    /// Returns the claims of the tokens that were verified, by the digests of the tokens.
    pub(super) fn verified(&self) -> &Verified {
        &self.0.verified
    }

    async fn fetch_if_due(&self) {
        let Some(remote) = &self.0.remote else { return };
        let mut fetched = remote.fetched.lock().await;
        if fetched.is_some_and(|at| at.elapsed() < REFETCH) {
            return;
        }
        // Also noted when the fetch fails, so that not every request asks an auth that is down.
        *fetched = Some(Instant::now());
        if let Err(error) = self.fetch(remote).await {
            tracing::warn!(%error, "The public keys could not be fetched.");
        }
    }

    /// Fetches the set, takes over its keys, and stores the set in the file.
    ///
    /// # Errors
    /// When the set cannot be fetched or has no usable key. The known keys and the file stay as they are then.
    async fn fetch(&self, remote: &Remote) -> Result<(), FetchError> {
        let set: JwkSet = remote.client.get(&remote.url).send().await?.error_for_status()?.json().await?;
        let keys = decoding_keys(&set);
        if keys.is_empty() {
            return Err(FetchError::NoKeys);
        }
        let mut known = self.0.known.write().await;
        let same = is_same(&known, &keys);
        *known = keys;
        drop(known);
        if !same {
            self.0.generation.fetch_add(1, Ordering::Release);
        }
        // If the file cannot be written, the only harm is that the next start has no keys while auth is down.
        let written = serde_json::to_vec(&set).map_err(std::io::Error::other);
        if let Err(error) = written.and_then(|bytes| std::fs::write(&remote.file, bytes)) {
            tracing::warn!(%error, "The public keys could not be kept on disk.");
        }
        Ok(())
    }

    /// Fetches the keys every five minutes until `cancel`, with backoff after a failure. For keys that never change it
    /// only waits for `cancel`.
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
                    backoff.next_pause()
                }
            };
            tokio::select! { () = sleep(pause) => {}, () = cancel.cancelled() => {} }
        }
    }
}

/// The reason why the keys were not replaced.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("the answer has no usable key")]
    NoKeys,
}

/// Returns whether two sets have the same keys. A key id is the thumbprint of its key (RFC 7638), so equal ids mean equal
/// keys.
fn is_same(known: &HashMap<String, DecodingKey>, keys: &HashMap<String, DecodingKey>) -> bool {
    known.len() == keys.len() && keys.keys().all(|kid| known.contains_key(kid))
}

/// Returns the usable keys of a set by their ids. A key of an unknown kind or without an id is skipped, as RFC 7517,
/// section 5, recommends.
fn decoding_keys(set: &JwkSet) -> HashMap<String, DecodingKey> {
    let key = |jwk: &jsonwebtoken::jwk::Jwk| Some((jwk.common.key_id.clone()?, DecodingKey::from_jwk(jwk).ok()?));
    set.keys.iter().filter_map(key).collect()
}

#[cfg(test)]
mod tests {
    use axum::Json;
    use axum::routing::get;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn an_answer_without_keys_leaves_the_known_ones() {
        let key =
            json!({ "kty": "OKP", "crv": "Ed25519", "kid": "one", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        let good = json!({ "keys": [key] }).to_string();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.json");
        std::fs::write(&file, &good).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let app = axum::Router::new().route("/", get(|| async { Json(json!({ "keys": [] })) }));
        let server = axum::serve(listener, app).into_future();
        let keys = Keys::remote(url, file.clone()).unwrap();
        let fetch = async { keys.fetch(keys.0.remote.as_ref().unwrap()).await };
        let fetched = tokio::select! { fetched = fetch => fetched, _ended = server => panic!("the server has ended") };
        assert!(matches!(fetched, Err(FetchError::NoKeys)), "{fetched:?}");
        assert!(keys.is_loaded().await);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), good);
    }
}
