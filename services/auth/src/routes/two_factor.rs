//! Two-factor sign-in: the second step of a login, and one's own factors.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Deserialize;
use shared::error::{ApiError, FieldErrors, Problem};
use shared::http::{RemoteClient, ValidJson, Validate};
use utoipa::ToSchema;

use super::me_extract::Me;
use super::not_stored::NOT_STORED;
use crate::actions;
use crate::answers::{AppOut, LoginOut, RecoveryCodesOut, TwoFactorOut};
use crate::db::queries::factors;
use crate::domain::{password, totp};
use crate::error::Error;
use crate::state::AppState;

/// The longest code or challenge, in bytes.
const MAX_LENGTH: usize = 64;

/// The second step of a login.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecondFactorIn {
    /// From the answer to the first step.
    #[schema(max_length = 64)]
    challenge: String,
    /// Six digits of the authenticator app, or a recovery code.
    #[schema(example = "287082", max_length = 64)]
    code: String,
}

impl Validate for SecondFactorIn {
    fn validate(&self, errors: &mut FieldErrors) {
        check_length(errors, "challenge", &self.challenge);
        check_length(errors, "code", &self.code);
    }
}

/// A code of an authenticator app.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeIn {
    #[schema(example = "287082", max_length = 64)]
    code: String,
}

impl Validate for CodeIn {
    fn validate(&self, errors: &mut FieldErrors) {
        check_length(errors, "code", &self.code);
    }
}

fn check_length(errors: &mut FieldErrors, field: &str, value: &str) {
    if value.is_empty() || value.len() > MAX_LENGTH {
        errors.add(field, "must have 1 to 64 bytes");
    }
}

/// The current password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordIn {
    #[schema(format = Password)]
    password: String,
}

impl Validate for PasswordIn {
    fn validate(&self, errors: &mut FieldErrors) {
        if !password::has_valid_length(&self.password) {
            errors.add("password", "must have 1 to 128 characters");
        }
    }
}

/// Logs somebody in whose password was right, with the second factor.
#[utoipa::path(post, path = "/auth/login/second-factor", tag = "auth", request_body = SecondFactorIn, responses(
    (status = 200, description = "Logged in", body = LoginOut),
    (status = 401, description = "The challenge is invalid, or the code is wrong or was used before", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong codes", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn pass_second_factor(
    State(s): State<AppState>,
    client: RemoteClient,
    ValidJson(step): ValidJson<SecondFactorIn>,
) -> Result<impl IntoResponse, Error> {
    let pair =
        actions::pass_second_factor(&s.db, &s.signer, &s.mails, &client, &step.challenge, step.code.trim()).await?;
    Ok((NOT_STORED, Json(LoginOut::from(pair))))
}

/// Shows one's own second factors.
#[utoipa::path(get, path = "/auth/two-factor", tag = "users", security(("bearer" = [])), responses(
    (status = 200, description = "The factors", body = TwoFactorOut),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn get_two_factor(State(s): State<AppState>, me: Me) -> Result<Json<TwoFactorOut>, Error> {
    let enabled_at = me.user.second_factor_at;
    let recovery_codes_left = factors::count_codes(s.db.read(), me.user.user_id()).await?;
    Ok(Json(TwoFactorOut { enabled: enabled_at.is_some(), enabled_at, recovery_codes_left }))
}

/// Begins to use an authenticator app. Nothing changes until a code of it is confirmed.
#[utoipa::path(post, path = "/auth/two-factor/app", tag = "users", security(("bearer" = [])), request_body = PasswordIn, responses(
    (status = 200, description = "The secret for the app", body = AppOut),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The password is wrong, or blocked", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There is an app already", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong passwords", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many passwords are being checked", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn begin_app(
    State(s): State<AppState>,
    me: Me,
    ValidJson(proof): ValidJson<PasswordIn>,
) -> Result<impl IntoResponse, Error> {
    let secret = actions::begin_app(&s.db, &s.hasher, &me.user, &proof.password).await?;
    let described = totp::describe(&secret, &me.user.username, &s.issuer);
    let (secret, uri) = described.map_err(|error| Error::Request(ApiError::internal(error)))?;
    Ok((NOT_STORED, Json(AppOut { secret, uri })))
}

/// Turns two-factor sign-in on by a first code of the app, and answers the recovery codes, once.
#[utoipa::path(post, path = "/auth/two-factor/app/confirm", tag = "users", security(("bearer" = [])), request_body = CodeIn, responses(
    (status = 200, description = "On", body = RecoveryCodesOut),
    (status = 401, description = "No or bad token, or the code is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It is on already, or no app was begun", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong codes", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn confirm_app(
    State(s): State<AppState>,
    me: Me,
    ValidJson(first): ValidJson<CodeIn>,
) -> Result<impl IntoResponse, Error> {
    let codes = actions::confirm_app(&s.db, &s.mails, &me.user, first.code.trim()).await?;
    Ok((NOT_STORED, Json(RecoveryCodesOut::from(codes))))
}

/// Turns two-factor sign-in off.
#[utoipa::path(delete, path = "/auth/two-factor", tag = "users", security(("bearer" = [])), request_body = PasswordIn, responses(
    (status = 204, description = "Off"),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The password is wrong, or blocked", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It is off already", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong passwords", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many passwords are being checked", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn remove_factors(
    State(s): State<AppState>,
    me: Me,
    ValidJson(proof): ValidJson<PasswordIn>,
) -> Result<StatusCode, Error> {
    actions::remove_factors(&s.db, &s.hasher, &s.mails, &me.user, &proof.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes new recovery codes. The old ones are invalid from then on.
#[utoipa::path(post, path = "/auth/two-factor/recovery-codes", tag = "users", security(("bearer" = [])), request_body = PasswordIn, responses(
    (status = 200, description = "The codes, once", body = RecoveryCodesOut),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The password is wrong, or blocked", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Two-factor sign-in is off", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong passwords", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many passwords are being checked", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn renew_recovery_codes(
    State(s): State<AppState>,
    me: Me,
    ValidJson(proof): ValidJson<PasswordIn>,
) -> Result<impl IntoResponse, Error> {
    let codes = actions::renew_recovery_codes(&s.db, &s.hasher, &me.user, &proof.password).await?;
    Ok((NOT_STORED, Json(RecoveryCodesOut::from(codes))))
}
