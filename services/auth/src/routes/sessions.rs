//! Refresh and logout.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use shared::error::{ApiError, FieldErrors, Problem};
use shared::http::{ValidJson, Validate};
use utoipa::ToSchema;

use super::NOT_STORED;
use crate::sessions;
use crate::signer::LIFETIME;
use crate::state::AppState;

/// A refresh token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefreshIn {
    #[schema(max_length = 128)]
    refresh_token: String,
}

impl Validate for RefreshIn {
    fn validate(&self, errors: &mut FieldErrors) {
        if self.refresh_token.is_empty() || self.refresh_token.len() > 128 {
            errors.add("refresh_token", "must have 1 to 128 characters");
        }
    }
}

/// A session's next tokens.
#[derive(Serialize, ToSchema)]
pub(crate) struct PairOut {
    /// The access token.
    token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token expires.
    #[schema(example = 600)]
    expires_in: u64,
    /// For `/auth/refresh`.
    refresh_token: String,
}

/// Exchanges a refresh token for a new pair. Sent again within ten seconds, it gives the same refresh token; later it ends its
/// session.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", request_body = RefreshIn, responses(
    (status = 200, description = "The next pair", body = PairOut),
    (status = 401, description = "Unknown, expired, used or revoked", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn refresh_session(
    State(state): State<AppState>,
    ValidJson(presented): ValidJson<RefreshIn>,
) -> Result<impl IntoResponse, ApiError> {
    let pair = sessions::rotate(&state, &presented.refresh_token).await?;
    let out = PairOut {
        token: pair.access_token,
        token_type: "Bearer",
        expires_in: LIFETIME.as_secs(),
        refresh_token: pair.refresh_token,
    };
    Ok((NOT_STORED, Json(out)))
}

/// Ends the session of a refresh token.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", request_body = RefreshIn, responses(
    (status = 204, description = "Ended, or there was none"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn log_out(
    State(state): State<AppState>,
    ValidJson(presented): ValidJson<RefreshIn>,
) -> Result<StatusCode, ApiError> {
    sessions::end(&state, &presented.refresh_token).await?;
    Ok(StatusCode::NO_CONTENT)
}
