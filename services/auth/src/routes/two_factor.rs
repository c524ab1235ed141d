//! Two-factor sign-in: the second step of a login, and a person's own factors.

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
use crate::actions::{self, Proof};
use crate::answers::{AppOut, LoginOut, PasskeyOut, RecoveryCodesOut, TwoFactorOut};
use crate::credentials::ShownPasskey;
use crate::db::queries::{factors, passkeys};
use crate::domain::{password, totp};
use crate::error::Error;
use crate::state::AppState;

/// The longest code or challenge, in bytes.
const MAX_LENGTH: usize = 64;
/// The rule that the second step takes exactly one proof.
const ONE_PROOF: &str = "either code or credential must be given";

/// The second step of a login: the challenge, and either a code or the browser's answer about a passkey.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SecondFactorIn {
    /// From the answer to the first step.
    #[schema(min_length = 1, max_length = 64)]
    challenge: String,
    /// Six digits of the authenticator app, or a recovery code.
    #[schema(example = "287082", min_length = 1, max_length = 64)]
    code: Option<String>,
    /// The answer of `navigator.credentials.get` to the options of `POST /auth/login/second-factor/passkey`, as JSON.
    #[schema(value_type = Option<Object>)]
    credential: Option<ShownPasskey>,
}

impl SecondFactorIn {
    /// Returns the proof. `None` unless there is exactly one.
    fn proof(&self) -> Option<Proof<'_>> {
        match (&self.code, &self.credential) {
            (Some(code), None) => Some(Proof::Code(code.trim())),
            (None, Some(credential)) => Some(Proof::Passkey(credential)),
            (None, None) | (Some(_), Some(_)) => None,
        }
    }
}

impl Validate for SecondFactorIn {
    fn validate(&self, errors: &mut FieldErrors) {
        check_length(errors, "challenge", &self.challenge);
        if let Some(code) = &self.code {
            check_length(errors, "code", code);
        }
        if self.proof().is_none() {
            errors.add("code", ONE_PROOF);
        }
    }
}

/// A code of an authenticator app.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeIn {
    #[schema(example = "287082", min_length = 1, max_length = 64)]
    code: String,
}

impl Validate for CodeIn {
    fn validate(&self, errors: &mut FieldErrors) {
        check_length(errors, "code", &self.code);
    }
}

/// Checks the length of a code or a challenge.
pub(super) fn check_length(errors: &mut FieldErrors, field: &str, value: &str) {
    if value.is_empty() || value.len() > MAX_LENGTH {
        errors.add(field, "must have 1 to 64 bytes");
    }
}

/// The current password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordIn {
    #[schema(format = Password, min_length = 1, max_length = 128)]
    pub(super) password: String,
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
    (status = 401, description = "The challenge is invalid, the code is wrong or was used before, or the passkey was not accepted", body = Problem, content_type = "application/problem+json"),
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
    let proof = step.proof().ok_or_else(|| ApiError::invalid_field("code", ONE_PROOF))?;
    let pair =
        actions::pass_second_factor(&s.db, &s.signer, &s.passkeys, &s.mails, &client, &step.challenge, proof).await?;
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
    let (enabled_at, id) = (me.user.second_factor_at, me.user.user_id());
    let app_since = factors::find_app(s.db.read(), id).await?.and_then(|app| app.confirmed_at);
    let recovery_codes_left = factors::count_codes(s.db.read(), id).await?;
    let passkeys = passkeys::list_of(s.db.read(), id).await?.into_iter().map(PasskeyOut::from).collect();
    Ok(Json(TwoFactorOut { enabled: enabled_at.is_some(), enabled_at, app_since, recovery_codes_left, passkeys }))
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
    let secret = actions::begin_app(&s.db, &s.hasher, &s.signer, &me.user, &proof.password).await?;
    let described = totp::describe(&secret, &me.user.username, &s.issuer);
    let (secret, uri) = described.map_err(|error| Error::Request(ApiError::internal(error)))?;
    Ok((NOT_STORED, Json(AppOut { secret, uri })))
}

/// Makes the app a factor by a first code of it, and answers recovery codes, once, when it is the first factor.
#[utoipa::path(post, path = "/auth/two-factor/app/confirm", tag = "users", security(("bearer" = [])), request_body = CodeIn, responses(
    (status = 200, description = "On", body = RecoveryCodesOut),
    (status = 401, description = "No or bad token, or the code is wrong", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There is an app already, or none was begun", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong codes", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn confirm_app(
    State(s): State<AppState>,
    me: Me,
    ValidJson(first): ValidJson<CodeIn>,
) -> Result<impl IntoResponse, Error> {
    let codes = actions::confirm_app(&s.db, &s.signer, &s.mails, &me.user, first.code.trim()).await?;
    Ok((NOT_STORED, Json(RecoveryCodesOut::from(codes))))
}

/// Deletes the authenticator app. When it was the last factor, two-factor sign-in is off.
#[utoipa::path(delete, path = "/auth/two-factor/app", tag = "users", security(("bearer" = [])), request_body = PasswordIn, responses(
    (status = 204, description = "Deleted"),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The password is wrong, or blocked", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There is no app", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong passwords", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many passwords are being checked", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn remove_app(
    State(s): State<AppState>,
    me: Me,
    ValidJson(proof): ValidJson<PasswordIn>,
) -> Result<StatusCode, Error> {
    actions::remove_app(&s.db, &s.hasher, &s.mails, &me.user, &proof.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Turns two-factor sign-in off, and deletes all factors: app, passkeys and recovery codes.
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
