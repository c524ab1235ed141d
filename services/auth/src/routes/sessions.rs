//! Refresh and logout: everything that is done with a refresh token as JSON.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Deserialize;
use shared::error::{FieldErrors, Problem};
use shared::http::{ValidJson, Validate};
use utoipa::ToSchema;

use super::not_stored::NOT_STORED;
use crate::actions;
use crate::answers::PairOut;
use crate::error::Error;
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

/// Exchanges a refresh token for a new pair. Sent again within ten seconds, it gives the same refresh token; later it ends its
/// session.
#[utoipa::path(post, path = "/auth/refresh", tag = "auth", request_body = RefreshIn, responses(
    (status = 200, description = "The next pair", body = PairOut),
    (status = 401, description = "Unknown, expired, used or revoked", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn refresh_session(
    State(s): State<AppState>,
    ValidJson(presented): ValidJson<RefreshIn>,
) -> Result<impl IntoResponse, Error> {
    let pair = actions::rotate_session(&s.db, &s.signer, &presented.refresh_token).await?;
    Ok((NOT_STORED, Json(PairOut::from(pair))))
}

/// Ends the session of a refresh token.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", request_body = RefreshIn, responses(
    (status = 204, description = "Ended, or there was none"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn log_out(
    State(s): State<AppState>,
    ValidJson(presented): ValidJson<RefreshIn>,
) -> Result<StatusCode, Error> {
    actions::end_session(&s.db, &presented.refresh_token).await?;
    Ok(StatusCode::NO_CONTENT)
}
