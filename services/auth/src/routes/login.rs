//! Login by username and password, as JSON.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::Deserialize;
use shared::error::{FieldErrors, Problem};
use shared::http::{RemoteClient, ValidJson, Validate};
use shared::text;
use utoipa::ToSchema;

use super::not_stored::NOT_STORED;
use crate::actions::{self, Login};
use crate::answers::LoginOut;
use crate::domain::password;
use crate::error::Error;
use crate::state::AppState;

/// Who logs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginIn {
    #[schema(example = "ann", min_length = 1, max_length = 254)]
    username: String,
    #[schema(format = Password, min_length = 1, max_length = 128)]
    password: String,
}

impl Validate for LoginIn {
    fn validate(&self, errors: &mut FieldErrors) {
        text::check_line(errors, "username", &self.username, 1, 254);
        if !password::has_valid_length(&self.password) {
            errors.add("password", "must have 1 to 128 characters");
        }
    }
}

/// Logs somebody in.
#[utoipa::path(post, path = "/auth/login", tag = "auth", request_body = LoginIn, responses(
    (status = 200, description = "Logged in", body = LoginOut),
    (status = 401, description = "Unknown person or wrong password; or, with the code `second_factor_required` and a `challenge`, the password is right and a second factor is missing", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Not verified, or blocked", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong passwords", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many logins at once", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn log_in(
    State(s): State<AppState>,
    client: RemoteClient,
    ValidJson(login): ValidJson<LoginIn>,
) -> Result<impl IntoResponse, Error> {
    let login = Login { client: &client, username: &login.username, password: &login.password };
    let pair = actions::log_in(&s.db, &s.hasher, &s.signer, s.limits_logins, login).await?;
    Ok((NOT_STORED, Json(LoginOut::from(pair))))
}
