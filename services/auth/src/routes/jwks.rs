//! The public keys, with which the other services and other people's programs verify access tokens.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::state::AppState;

/// Answers the keys that access tokens are verified with (RFC 7517).
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "auth", responses(
    (status = 200, description = "Ed25519 public keys", body = serde_json::Value),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn get_jwks(State(s): State<AppState>) -> impl IntoResponse {
    // A new key is published for longer than this before it is used, see `domain/key_ring.rs`.
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(s.signer.public_keys(s.db.clock().now())))
}
