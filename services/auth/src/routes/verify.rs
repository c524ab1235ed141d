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
use crate::actions::{self, Standing};
use crate::answers::MessageOut;
use crate::db::entities::users::Model as User;
use crate::domain::email;
use crate::domain::mails::escape;
use crate::error::Error;
use crate::state::AppState;

/// Returns the words of the answer to a verification: the title, which is also the message of the JSON form, and the
/// text below it on a page.
const fn words(standing: Standing) -> [&'static str; 2] {
    match standing {
        Standing::Member => ["Account verified", "You can log in now."],
        Standing::Applicant => {
            ["Address verified", "An administrator decides about your application, and you get a mail."]
        }
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
/// Only who names `application/json` in `Accept`, and nothing else, verifies at once. Everybody else gets a page with the
/// username and two buttons, because browsers preview links and scanners open those in mails.
#[utoipa::path(get, path = "/auth/verify/{token}", tag = "auth", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 200, description = "Verified, now or before; or the page, and nothing has changed", content((MessageOut = "application/json"), (String = "text/html"))),
    (status = 404, description = "Unknown or expired, or another account has got the address; a page for who prefers one", content((Problem = "application/problem+json"), (String = "text/html"))),
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
        let page = actions::find_registration(&s.db, &token).await.map(|user| question(&user, &token));
        return page.or_else(|error| bad_link_page(error, accepted.prefers_page()));
    }
    let [title, _] = words(actions::verify_email(&s.db, s.joining.registration, &token).await?);
    let headers = [(header::VARY, "accept"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Json(MessageOut::new(title))).into_response())
}

/// Verifies the address that the link was sent to. From now on it belongs to this account.
#[utoipa::path(post, path = "/auth/verify/{token}", tag = "auth", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 200, description = "Verified, now or before; a page for who prefers one", content((MessageOut = "application/json"), (String = "text/html"))),
    (status = 404, description = "Unknown or expired, or another account has got the address; a page for who prefers one", content((Problem = "application/problem+json"), (String = "text/html"))),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn verify_account(
    State(s): State<AppState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let outcome = actions::verify_email(&s.db, s.joining.registration, &token).await;
    answer(outcome.map(words), Accepted::of(&headers).prefers_page())
}

/// Says that the owner of the address has not registered this account, which is deleted.
#[utoipa::path(post, path = "/auth/verify/{token}/reject", tag = "auth", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 200, description = "Deleted; a page for who prefers one", content((MessageOut = "application/json"), (String = "text/html"))),
    (status = 404, description = "Unknown, used or expired; a page for who prefers one", content((Problem = "application/problem+json"), (String = "text/html"))),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn reject_registration(
    State(s): State<AppState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let outcome = actions::reject_registration(&s.db, &token).await;
    let words = ["Registration deleted", "Nobody can use this account, and your address is free."];
    answer(outcome.map(|()| words), Accepted::of(&headers).prefers_page())
}

/// Builds the page that asks whether the person has registered this account. For a verified account it tells that
/// instead.
fn question(user: &User, token: &str) -> Response {
    let name = escape(&user.username);
    if user.verified_at.is_some() {
        let [title, text] = words(Standing::of(user));
        return html::page(StatusCode::OK, title, &format!("<p>{name}</p><p>{text}</p>"));
    }
    let token = escape(token);
    let form = format!(
        "<p>Somebody has registered as <strong>{name}</strong> with your e-mail address. Was this you?</p>\
         <form method=\"post\"><button type=\"submit\">Yes, confirm</button> \
         <button type=\"submit\" formaction=\"/auth/verify/{token}/reject\">No, delete it</button></form>"
    );
    html::page(StatusCode::OK, "Confirm your e-mail address", &form)
}

/// Builds the answer to an outcome, as a page or as JSON. A success has a title, and a text for the page.
fn answer(outcome: Result<[&str; 2], Error>, as_page: bool) -> Result<Response, Error> {
    match outcome {
        Ok([title, text]) if as_page => Ok(html::page(StatusCode::OK, title, &format!("<p>{text}</p>"))),
        Ok([title, _]) => Ok(Json(MessageOut::new(title)).into_response()),
        Err(error) => bad_link_page(error, as_page),
    }
}

/// Turns the error of a link that cannot be used into a page, if `as_page` is true. Returns any other error unchanged.
fn bad_link_page(error: Error, as_page: bool) -> Result<Response, Error> {
    match error {
        Error::BadLink if as_page => {
            let advice = "<p>Ask for a new link, or register again.</p>";
            Ok(html::page(StatusCode::NOT_FOUND, "Verification link is invalid or expired", advice))
        }
        error => Err(error),
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
