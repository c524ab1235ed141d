//! Passkeys: the making and deletion of a person's own, and the sign-in with one, alone or after the password.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Deserialize;
use shared::error::{FieldErrors, Problem};
use shared::http::{Path, RemoteClient, ValidJson, Validate};
use shared::text;
use utoipa::ToSchema;

use super::me_extract::Me;
use super::not_stored::NOT_STORED;
use super::two_factor::{PasswordIn, check_length};
use crate::actions;
use crate::answers::{CeremonyOut, LoginOut, NewPasskeyOut, OptionsOut};
use crate::credentials::{MadePasskey, ShownPasskey};
use crate::domain::{PasskeyId, password};
use crate::error::Error;
use crate::state::AppState;

/// A passkey that is to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PasskeyIn {
    /// The current password.
    #[schema(format = Password, min_length = 1, max_length = 128)]
    password: String,
    /// By which the person recognises the passkey in the list.
    #[schema(example = "My phone", min_length = 1, max_length = 64)]
    name: String,
}

impl Validate for PasskeyIn {
    fn validate(&self, errors: &mut FieldErrors) {
        if !password::has_valid_length(&self.password) {
            errors.add("password", "must have 1 to 128 characters");
        }
        text::check_line(errors, "name", &self.name, 1, 64);
    }
}

/// The browser's answer about a new passkey.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "challenge": "unknown",
    "credential": { "id": "AA", "rawId": "AA", "type": "public-key", "response": { "attestationObject": "AA", "clientDataJSON": "AA" } }
}))]
pub(crate) struct MadePasskeyIn {
    /// From the answer to the first step.
    #[schema(min_length = 1, max_length = 64)]
    challenge: String,
    /// The answer of `navigator.credentials.create`, as JSON.
    #[schema(value_type = Object)]
    credential: MadePasskey,
}

impl Validate for MadePasskeyIn {
    fn validate(&self, errors: &mut FieldErrors) {
        check_length(errors, "challenge", &self.challenge);
    }
}

/// The browser's answer about a passkey that signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "challenge": "unknown",
    "credential": { "id": "AA", "rawId": "AA", "type": "public-key", "response": { "authenticatorData": "AA", "clientDataJSON": "AA", "signature": "AA" } }
}))]
pub(crate) struct ShownPasskeyIn {
    /// From the answer to the first step.
    #[schema(min_length = 1, max_length = 64)]
    challenge: String,
    /// The answer of `navigator.credentials.get`, as JSON.
    #[schema(value_type = Object)]
    credential: ShownPasskey,
}

impl Validate for ShownPasskeyIn {
    fn validate(&self, errors: &mut FieldErrors) {
        check_length(errors, "challenge", &self.challenge);
    }
}

/// The challenge of a login whose password was right.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChallengeIn {
    #[schema(min_length = 1, max_length = 64)]
    challenge: String,
}

impl Validate for ChallengeIn {
    fn validate(&self, errors: &mut FieldErrors) {
        check_length(errors, "challenge", &self.challenge);
    }
}

/// Begins to make a passkey. Nothing changes until the browser's answer is confirmed.
#[utoipa::path(post, path = "/auth/passkeys", tag = "users", security(("bearer" = [])), request_body = PasskeyIn, responses(
    (status = 200, description = "The options for the browser", body = CeremonyOut),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The password is wrong, or blocked", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "There are too many, or the installation has no domain", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong passwords", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many passwords are being checked", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn begin_passkey(
    State(s): State<AppState>,
    me: Me,
    ValidJson(new): ValidJson<PasskeyIn>,
) -> Result<impl IntoResponse, Error> {
    let wish = (new.password.as_str(), new.name);
    let (challenge, options) = actions::begin_passkey(&s.db, &s.hasher, &s.passkeys, &me.user, wish).await?;
    Ok((NOT_STORED, Json(CeremonyOut::new(&challenge, options))))
}

/// Stores the passkey that the browser has made, and answers recovery codes, once, when it is the first factor.
#[utoipa::path(post, path = "/auth/passkeys/confirm", tag = "users", security(("bearer" = [])), request_body = MadePasskeyIn, responses(
    (status = 201, description = "Made", body = NewPasskeyOut),
    (status = 400, description = "The challenge is unknown, used or expired", body = Problem, content_type = "application/problem+json"),
    (status = 401, description = "No or bad token, or the passkey was not accepted", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Blocked", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The passkey is known, there are too many, or the installation has no domain", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn confirm_passkey(
    State(s): State<AppState>,
    me: Me,
    ValidJson(made): ValidJson<MadePasskeyIn>,
) -> Result<impl IntoResponse, Error> {
    let (passkey, codes) =
        actions::confirm_passkey(&s.db, &s.passkeys, &s.mails, &me.user, &made.challenge, &made.credential).await?;
    Ok((StatusCode::CREATED, NOT_STORED, Json(NewPasskeyOut::new(passkey, &codes))))
}

/// Deletes a passkey of one's own. When it was the last factor, two-factor sign-in is off.
#[utoipa::path(delete, path = "/auth/passkeys/{id}", tag = "users", security(("bearer" = [])), params(("id" = PasskeyId, Path, description = "The passkey")), request_body = PasswordIn, responses(
    (status = 204, description = "Deleted"),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The password is wrong, or blocked", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No such passkey of one's own", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many wrong passwords", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many passwords are being checked", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn remove_passkey(
    State(s): State<AppState>,
    me: Me,
    Path(id): Path<PasskeyId>,
    ValidJson(proof): ValidJson<PasswordIn>,
) -> Result<StatusCode, Error> {
    actions::remove_passkey(&s.db, &s.hasher, &s.mails, &me.user, id, &proof.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begins a sign-in with a passkey. The authenticator finds the person.
#[utoipa::path(post, path = "/auth/passkeys/login", tag = "auth", responses(
    (status = 200, description = "The options for the browser", body = CeremonyOut),
    (status = 409, description = "The installation has no domain", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn begin_sign_in(State(s): State<AppState>) -> Result<impl IntoResponse, Error> {
    let (challenge, options) = actions::begin_sign_in(&s.db, &s.passkeys).await?;
    Ok((NOT_STORED, Json(CeremonyOut::new(&challenge, options))))
}

/// Signs somebody in with a passkey alone. No second factor is asked for: the authenticator has verified the person.
#[utoipa::path(post, path = "/auth/passkeys/login/confirm", tag = "auth", request_body = ShownPasskeyIn, responses(
    (status = 200, description = "Logged in", body = LoginOut),
    (status = 401, description = "The challenge is unknown, used or expired, or the passkey was not accepted", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Not verified, or blocked", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The installation has no domain", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn sign_in(
    State(s): State<AppState>,
    client: RemoteClient,
    ValidJson(shown): ValidJson<ShownPasskeyIn>,
) -> Result<impl IntoResponse, Error> {
    let (challenge, credential) = (&shown.challenge, &shown.credential);
    let pair = actions::sign_in(&s.db, &s.signer, &s.passkeys, &client, challenge, credential).await?;
    Ok((NOT_STORED, Json(LoginOut::from(pair))))
}

/// Begins to ask for a passkey as the second factor. The login goes on at `/auth/login/second-factor`.
#[utoipa::path(post, path = "/auth/login/second-factor/passkey", tag = "auth", request_body = ChallengeIn, responses(
    (status = 200, description = "The options for the browser", body = OptionsOut),
    (status = 401, description = "The challenge is unknown, used or expired", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "The person has no passkey", body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "The installation has no domain", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn begin_passkey_factor(
    State(s): State<AppState>,
    ValidJson(step): ValidJson<ChallengeIn>,
) -> Result<impl IntoResponse, Error> {
    let options = actions::begin_passkey_factor(&s.db, &s.passkeys, &step.challenge).await?;
    Ok((NOT_STORED, Json(OptionsOut { options })))
}
