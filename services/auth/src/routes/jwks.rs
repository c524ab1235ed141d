//! The public keys.

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
pub(crate) async fn get_jwks(State(state): State<AppState>) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(state.signer.public_keys().clone()))
}
