//! Passwords: the reset of a forgotten one by the link or the code in a mail, and the change of a known one.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use shared::error::{FieldErrors, Problem};
use shared::http::{Path, ValidJson, Validate};
use shared::ids::UserId;
use utoipa::ToSchema;

use super::links::lead_to_page;
use super::me_extract::{AdminMe, Me};
use crate::actions::{self, ResetProof};
use crate::answers::MessageOut;
use crate::domain::{email, password};
use crate::error::Error;
use crate::state::AppState;

/// The address of somebody who has forgotten the password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForgotIn {
    #[schema(example = "ann@example.org", format = Email, max_length = 254)]
    email: String,
}

impl Validate for ForgotIn {
    fn validate(&self, errors: &mut FieldErrors) {
        if let Err(rule) = email::check(&self.email) {
            errors.add("email", rule);
        }
    }
}

/// A new password, with a proof from the mail: the token of the link alone, or the address with the code.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetIn {
    /// From the link.
    #[serde(default)]
    #[schema(max_length = 128)]
    token: Option<String>,
    /// With a code.
    #[serde(default)]
    #[schema(example = "ann@example.org", format = Email, max_length = 254)]
    email: Option<String>,
    /// Six digits from the mail.
    #[serde(default)]
    #[schema(example = "123456", min_length = 6, max_length = 6)]
    code: Option<String>,
    /// The new one: 8 to 128 characters.
    #[schema(example = "a horse, a boat, a lamp", format = Password, min_length = 8, max_length = 128)]
    password: String,
}

impl Validate for ResetIn {
    fn validate(&self, errors: &mut FieldErrors) {
        match (&self.token, &self.email, &self.code) {
            (Some(token), None, None) if token.len() > 128 => errors.add("token", "must have at most 128 characters"),
            (Some(_), None, None) => {}
            (None, Some(address), Some(code)) => {
                if let Err(rule) = email::check(address) {
                    errors.add("email", rule);
                }
                if code.len() != 6 || !code.bytes().all(|byte| byte.is_ascii_digit()) {
                    errors.add("code", "must have six digits");
                }
            }
            _ => errors.add("token", "must be given alone, or else email and code together"),
        }
        check_new(errors, &self.password);
    }
}

/// Checks the rules that need no account. The others are checked when the account is known.
fn check_new(errors: &mut FieldErrors, new: &str) {
    if let Err(rule) = password::check(new, "", "") {
        errors.add("password", rule);
    }
}

/// The current password and the new one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeIn {
    #[schema(format = Password, min_length = 1, max_length = 128)]
    current_password: String,
    /// The new one: 8 to 128 characters.
    #[schema(example = "a horse, a boat, a lamp", format = Password, min_length = 8, max_length = 128)]
    password: String,
}

impl Validate for ChangeIn {
    fn validate(&self, errors: &mut FieldErrors) {
        if !password::has_valid_length(&self.current_password) {
            errors.add("current_password", "must have 1 to 128 characters");
        }
        check_new(errors, &self.password);
    }
}

/// Sends a link and a code that reset the password, if the address belongs to an account. The answer does not tell.
#[utoipa::path(post, path = "/auth/password/forgot", tag = "auth", request_body = ForgotIn, responses(
    (status = 202, description = "Always", body = MessageOut),
    (status = 422, description = "Not an address", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn forget_password(
    State(s): State<AppState>,
    ValidJson(asked): ValidJson<ForgotIn>,
) -> Result<(StatusCode, Json<MessageOut>), Error> {
    actions::forget_password(&s.db, &s.mails, &s.signer, &asked.email).await?;
    let message = MessageOut::new("If the address belongs to an account, a mail is on its way");
    Ok((StatusCode::ACCEPTED, Json(message)))
}

/// Makes the password of a person invalid and sends a link for a new one.
///
/// For accounts whose password a stranger may know: all sessions end, and the person chooses a new password by the mail. A
/// second factor stays.
#[utoipa::path(post, path = "/auth/users/{id}/password-reset", tag = "auth", security(("bearer" = [])), params(("id" = UserId, Path, description = "The person")), responses(
    (status = 202, description = "The mail is on its way", body = MessageOut),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Not an administrator", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "No verified account has this id", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The id is one's own", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many logins at once", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn force_reset(
    State(s): State<AppState>,
    admin: AdminMe,
    Path(id): Path<UserId>,
) -> Result<(StatusCode, Json<MessageOut>), Error> {
    actions::force_reset(&s.db, &s.hasher, &s.signer, &s.mails, (admin.id, id)).await?;
    Ok((StatusCode::ACCEPTED, Json(MessageOut::new("The password is invalid, and a mail is on its way"))))
}

/// Replaces a forgotten password and ends all sessions.
///
/// The proof is the `token` of the link in the mail, or `email` and the `code` of the same mail. Either is valid for 30
/// minutes and for one use; five codes may be tried for each mail.
#[utoipa::path(post, path = "/auth/password/reset", tag = "auth", request_body = ResetIn, responses(
    (status = 204, description = "Replaced"),
    (status = 404, description = "The link or the code is unknown, used or expired", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many logins at once", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn reset_password(
    State(s): State<AppState>,
    ValidJson(reset): ValidJson<ResetIn>,
) -> Result<StatusCode, Error> {
    let proof = match reset {
        ResetIn { token: Some(token), .. } => ResetProof::Token(token),
        ResetIn { email: Some(email), code: Some(code), .. } => ResetProof::Code { email, code },
        // `validate` has refused every other request.
        ResetIn { .. } => return Err(Error::BadReset),
    };
    actions::reset_password(&s.db, &s.hasher, &s.signer, &s.mails, proof, &reset.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replaces one's password and ends one's other sessions.
#[utoipa::path(post, path = "/auth/password/change", tag = "auth", security(("bearer" = [])), request_body = ChangeIn, responses(
    (status = 204, description = "Replaced"),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The current password is wrong, or blocked", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many tries", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many logins at once", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn change_password(
    State(s): State<AppState>,
    me: Me,
    ValidJson(change): ValidJson<ChangeIn>,
) -> Result<StatusCode, Error> {
    let (current, new) = (&change.current_password, &change.password);
    password::check(new, &me.user.username, &me.user.email).map_err(Error::WeakPassword)?;
    actions::change_password(&s.db, &s.hasher, &s.mails, (&me.user, me.session_id), current, new).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Leads to the page behind the link in the mail.
#[utoipa::path(get, path = "/auth/password/reset/{token}", tag = "auth", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 303, description = "To the page with the form"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn show_reset_form(State(s): State<AppState>, Path(token): Path<String>) -> Result<Response, Error> {
    lead_to_page(&s.public_url, "/reset", &token)
}
