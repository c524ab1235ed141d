//! Verification of e-mail addresses, by the link in the mail and by the page behind it.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::error::{ApiError, FieldErrors, Problem};
use shared::http::{Path, ValidJson, Validate};
use utoipa::ToSchema;

use super::accept::Accepted;
use super::html;
use crate::actions;
use crate::answers::MessageOut;
use crate::domain::email;
use crate::error::Error;
use crate::state::AppState;

/// An address that waits for its link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResendIn {
    #[schema(example = "ann@example.org", format = Email)]
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
/// Only who names `application/json` in `Accept`, and nothing else, verifies at once. Everybody else gets a page with a button,
/// because browsers preview links and scanners open those in mails.
#[utoipa::path(get, path = "/auth/verify/{token}", tag = "auth", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 200, description = "Verified, now or before; or the page, and nothing has changed", content((MessageOut = "application/json"), (String = "text/html"))),
    (status = 404, description = "Unknown, replaced or expired", body = Problem, content_type = "application/problem+json"),
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
    // A HEAD must not change anything, and link scanners send it.
    if method == Method::HEAD || !accepted.names_only_data() {
        if accepted.refuses_page() {
            let text = "Ask for application/json alone, or for a page, or use POST";
            return Err(ApiError::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", text).into());
        }
        let form = "<p>Press the button to confirm your e-mail address.</p>\
                    <form method=\"post\"><button type=\"submit\">Confirm</button></form>";
        return Ok(html::page(StatusCode::OK, "Confirm your e-mail address", form));
    }
    actions::verify_email(&s.db, &token).await?;
    let headers = [(header::VARY, "accept"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Json(MessageOut::new("Account verified"))).into_response())
}

/// Verifies the address that the link was sent to.
#[utoipa::path(post, path = "/auth/verify/{token}", tag = "auth", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 200, description = "Verified, now or before; a page for who prefers one", content((MessageOut = "application/json"), (String = "text/html"))),
    (status = 404, description = "Unknown, replaced or expired; a page for who prefers one", content((Problem = "application/problem+json"), (String = "text/html"))),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn verify_account(
    State(s): State<AppState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let outcome = actions::verify_email(&s.db, &token).await;
    if !Accepted::of(&headers).prefers_page() {
        return outcome.map(|()| Json(MessageOut::new("Account verified")).into_response());
    }
    match outcome {
        Ok(()) => Ok(html::page(StatusCode::OK, "Account verified", "<p>You can log in now.</p>")),
        Err(Error::BadLink) => {
            let advice = "<p>Ask for a new link, or register again.</p>";
            Ok(html::page(StatusCode::NOT_FOUND, "Verification link is invalid or expired", advice))
        }
        Err(error) => Err(error),
    }
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
