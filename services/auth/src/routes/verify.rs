//! Verification of e-mail addresses by the link in the mail.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::error::{ApiError, FieldErrors, Problem};
use shared::http::{Path, ValidJson, Validate};
use utoipa::ToSchema;

use super::accept::Accepted;
use super::links::lead_to_page;
use crate::actions::{self, Standing};
use crate::answers::MessageOut;
use crate::domain::email;
use crate::error::Error;
use crate::state::AppState;

/// Says how a verification has gone.
const fn message(standing: Standing) -> &'static str {
    match standing {
        Standing::Member => "Account verified",
        Standing::Applicant => "Address verified",
    }
}

/// An address that waits for its link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResendIn {
    #[schema(example = "ann@example.org", format = Email, max_length = 254)]
    email: String,
}

impl Validate for ResendIn {
    fn validate(&self, errors: &mut FieldErrors) {
        if let Err(rule) = email::check(&self.email) {
            errors.add("email", rule);
        }
    }
}

/// Follows the link of the mail.
///
/// Only who names `application/json` in `Accept`, and nothing else, verifies at once. Everybody else is led to a page that
/// names the account and asks, because browsers preview links and scanners open those in mails.
#[utoipa::path(get, path = "/auth/verify/{token}", tag = "auth", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 200, description = "Verified, now or before", body = MessageOut),
    (status = 303, description = "To the page; nothing has changed"),
    (status = 404, description = "Unknown or expired, or another account has got the address", body = Problem, content_type = "application/problem+json"),
    (status = 406, description = "Neither a page nor JSON alone is wanted; nothing has changed", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn follow_verification_link(
    State(s): State<AppState>,
    Path(token): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let accepted = Accepted::of(&headers);
    let vary = (header::VARY, "accept");
    // A HEAD must not change anything, and link scanners send it.
    if method == Method::HEAD || !accepted.names_only_data() {
        if accepted.refuses_page() {
            let text = "Ask for application/json alone, or for a page, or use POST";
            return Err(ApiError::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", text).into());
        }
        return Ok(([vary], lead_to_page(&s.public_url, "/verify", &token)?).into_response());
    }
    let standing = actions::verify_email(&s.db, s.joining.registration, &token).await?;
    let headers = [vary, (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Json(MessageOut::new(message(standing)))).into_response())
}

/// Verifies the address that the link was sent to. From now on it belongs to this account.
#[utoipa::path(post, path = "/auth/verify/{token}", tag = "auth", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 200, description = "Verified, now or before", body = MessageOut),
    (status = 404, description = "Unknown or expired, or another account has got the address", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn verify_account(
    State(s): State<AppState>,
    Path(token): Path<String>,
) -> Result<Json<MessageOut>, Error> {
    let standing = actions::verify_email(&s.db, s.joining.registration, &token).await?;
    Ok(Json(MessageOut::new(message(standing))))
}

/// Says that the owner of the address has not registered this account, which is deleted.
#[utoipa::path(post, path = "/auth/verify/{token}/reject", tag = "auth", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 200, description = "Deleted", body = MessageOut),
    (status = 404, description = "Unknown, used or expired", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn reject_registration(
    State(s): State<AppState>,
    Path(token): Path<String>,
) -> Result<Json<MessageOut>, Error> {
    actions::reject_registration(&s.db, &token).await?;
    Ok(Json(MessageOut::new("Registration deleted")))
}

/// Sends a new link, if the address belongs to somebody who still needs one. The answer does not tell.
#[utoipa::path(post, path = "/auth/verify/resend", tag = "auth", request_body = ResendIn, responses(
    (status = 202, description = "Always", body = MessageOut),
    (status = 422, description = "Not an address", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn resend_verification(
    State(s): State<AppState>,
    ValidJson(asked): ValidJson<ResendIn>,
) -> Result<(StatusCode, Json<MessageOut>), Error> {
    actions::resend_verification(&s.db, &s.mails, &asked.email).await?;
    let message = MessageOut::new("If the address waits for its verification, a new link is on its way");
    Ok((StatusCode::ACCEPTED, Json(message)))
}
