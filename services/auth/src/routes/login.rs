//! Login by username and password.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use shared::error::{ApiError, FieldErrors, Problem};
use shared::http::{ValidJson, Validate};
use shared::ids::UserId;
use shared::text;
use utoipa::ToSchema;

use super::NOT_STORED;
use crate::domain::password;
use crate::login;
use crate::signer::LIFETIME;
use crate::state::AppState;

/// Who logs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginIn {
    #[schema(example = "ann")]
    username: String,
    #[schema(format = Password)]
    password: String,
}

impl Validate for LoginIn {
    fn validate(&self, errors: &mut FieldErrors) {
        text::check_line(errors, "username", &self.username, 1, 254);
        if !password::is_possible(&self.password) {
            errors.add("password", "must have 1 to 128 characters");
        }
    }
}

/// A session's first tokens.
#[derive(Serialize, ToSchema)]
pub(crate) struct LoginOut {
    #[schema(example = "Login successful")]
    message: &'static str,
    /// The access token.
    token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token expires.
    #[schema(example = 600)]
    expires_in: u64,
    /// For `/auth/refresh`, once.
    refresh_token: String,
    user_id: UserId,
}

/// Logs somebody in.
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = LoginIn, responses(
    (status = 200, description = "Logged in", body = LoginOut),
    (status = 401, description = "Unknown person or wrong password", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Not verified, or blocked", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many logins at once", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn log_in(
    State(state): State<AppState>,
    ValidJson(who): ValidJson<LoginIn>,
) -> Result<impl IntoResponse, ApiError> {
    let pair = login::by_password(&state, &who.username, &who.password).await?;
    let out = LoginOut {
        message: "Login successful",
        token: pair.access_token,
        token_type: "Bearer",
        expires_in: LIFETIME.as_secs(),
        refresh_token: pair.refresh_token,
        user_id: pair.user_id,
    };
    Ok((NOT_STORED, Json(out)))
}
