//! The e-mail address of an account: its change, and the undoing of a change.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use shared::error::{FieldErrors, Problem};
use shared::http::{Path, ValidJson, Validate};
use utoipa::ToSchema;

use super::links::lead_to_page;
use super::me_extract::Me;
use crate::actions;
use crate::answers::MessageOut;
use crate::domain::{email, password};
use crate::error::Error;
use crate::state::AppState;

/// A new address, and the current password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailIn {
    #[schema(example = "ann@example.org", format = Email, max_length = 254)]
    email: String,
    #[schema(format = Password, min_length = 1, max_length = 128)]
    password: String,
}

impl Validate for EmailIn {
    fn validate(&self, errors: &mut FieldErrors) {
        if let Err(rule) = email::check(&self.email) {
            errors.add("email", rule);
        }
        if !password::has_valid_length(&self.password) {
            errors.add("password", "must have 1 to 128 characters");
        }
    }
}

/// Asks for another address. It changes when the link in the mail to the new address is confirmed.
#[utoipa::path(post, path = "/auth/email", tag = "auth", security(("bearer" = [])), request_body = EmailIn, responses(
    (status = 202, description = "A mail is on its way, to the new address or to its owner", body = MessageOut),
    (status = 401, description = "No or bad token", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The password is wrong, or blocked", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A field breaks a rule", body = Problem, content_type = "application/problem+json"),
    (status = 429, description = "Too many tries", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "Too many logins at once", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all, fields(user.id = me.user.id))]
pub(crate) async fn change_email(
    State(s): State<AppState>,
    me: Me,
    ValidJson(change): ValidJson<EmailIn>,
) -> Result<(StatusCode, Json<MessageOut>), Error> {
    actions::request_email_change(&s.db, &s.hasher, &s.mails, &s.joining, &me.user, change.email, &change.password)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(MessageOut::new("Check your new address for a mail"))))
}

/// Leads to the page behind the link in the mail to a new address.
#[utoipa::path(get, path = "/auth/email/confirm/{token}", tag = "auth", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 303, description = "To the page with the button"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn show_email_change(State(s): State<AppState>, Path(token): Path<String>) -> Result<Response, Error> {
    lead_to_page(&s.public_url, "/email/confirm", &token)
}

/// Makes the new address the one of the account.
#[utoipa::path(post, path = "/auth/email/confirm/{token}", tag = "auth", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 200, description = "Changed", body = MessageOut),
    (status = 404, description = "Unknown, used or expired, or another account has got the address", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn confirm_email_change(
    State(s): State<AppState>,
    Path(token): Path<String>,
) -> Result<Json<MessageOut>, Error> {
    actions::confirm_email_change(&s.db, &s.mails, &token).await?;
    Ok(Json(MessageOut::new("E-mail address changed")))
}

/// Leads to the page behind the link in the notice to the address before.
#[utoipa::path(get, path = "/auth/email/undo/{token}", tag = "auth", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 303, description = "To the page with the button"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn show_email_undo(State(s): State<AppState>, Path(token): Path<String>) -> Result<Response, Error> {
    lead_to_page(&s.public_url, "/email/undo", &token)
}

/// Gives the account the address before the change back, ends all sessions, and sends a link for a new password.
#[utoipa::path(post, path = "/auth/email/undo/{token}", tag = "auth", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 200, description = "Undone", body = MessageOut),
    (status = 404, description = "Unknown, used or expired, or another account has got the address", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn undo_email_change(
    State(s): State<AppState>,
    Path(token): Path<String>,
) -> Result<Json<MessageOut>, Error> {
    actions::undo_email_change(&s.db, &s.signer, &s.mails, &token).await?;
    Ok(Json(MessageOut::new("E-mail address restored")))
}
