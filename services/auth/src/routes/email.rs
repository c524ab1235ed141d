//! The e-mail address of an account: its change, and the pages behind the links in mails.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::error::{FieldErrors, Problem};
use shared::http::{Path, ValidJson, Validate};
use utoipa::ToSchema;

use super::accept::Accepted;
use super::html;
use super::me_extract::Me;
use crate::actions;
use crate::answers::MessageOut;
use crate::domain::link::Purpose;
use crate::domain::mails::escape;
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

/// The page behind the link in the mail to a new address.
#[utoipa::path(get, path = "/auth/email/confirm/{token}", tag = "auth", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 200, description = "A page with a button", body = String, content_type = "text/html"),
    (status = 404, description = "Unknown, used or expired; a page for who prefers one", content((Problem = "application/problem+json"), (String = "text/html"))),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn show_email_change(
    State(s): State<AppState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let text = "is going to be the address of your account.";
    question(&s, (Purpose::EmailChange, &token), "Confirm your new e-mail address", (text, "Confirm"), &headers).await
}

/// Makes the new address the one of the account.
#[utoipa::path(post, path = "/auth/email/confirm/{token}", tag = "auth", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 200, description = "Changed; a page for who prefers one", content((MessageOut = "application/json"), (String = "text/html"))),
    (status = 404, description = "Unknown, used or expired, or another account has got the address; a page for who prefers one", content((Problem = "application/problem+json"), (String = "text/html"))),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn confirm_email_change(
    State(s): State<AppState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let done = actions::confirm_email_change(&s.db, &s.mails, &token).await;
    answer(done, "E-mail address changed", "Mails go to the new address from now on.", &headers)
}

/// The page behind the link in the notice to the address before.
#[utoipa::path(get, path = "/auth/email/undo/{token}", tag = "auth", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 200, description = "A page with a button", body = String, content_type = "text/html"),
    (status = 404, description = "Unknown, used or expired; a page for who prefers one", content((Problem = "application/problem+json"), (String = "text/html"))),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn show_email_undo(
    State(s): State<AppState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let text = "becomes the address of your account again, and all your sessions end.";
    question(&s, (Purpose::EmailUndo, &token), "Undo the change of your e-mail address", (text, "Undo"), &headers).await
}

/// Gives the account the address before the change back, ends all sessions, and sends a link for a new password.
#[utoipa::path(post, path = "/auth/email/undo/{token}", tag = "auth", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 200, description = "Undone; a page for who prefers one", content((MessageOut = "application/json"), (String = "text/html"))),
    (status = 404, description = "Unknown, used or expired, or another account has got the address; a page for who prefers one", content((Problem = "application/problem+json"), (String = "text/html"))),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn undo_email_change(
    State(s): State<AppState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let done = actions::undo_email_change(&s.db, &s.signer, &s.mails, &token).await;
    let text = "All your sessions have ended. Choose a new password now: the link for it is in your mailbox.";
    answer(done, "E-mail address restored", text, &headers)
}

/// Builds a page that names the address and has a button to confirm.
async fn question(
    s: &AppState,
    (purpose, token): (Purpose, &str),
    title: &str,
    (text, button): (&str, &str),
    headers: &HeaderMap,
) -> Result<Response, Error> {
    match actions::check_email_link(&s.db, purpose, token).await {
        Ok(address) => {
            let form = format!(
                "<p><strong>{}</strong> {text}</p><form method=\"post\"><button type=\"submit\">{button}</button></form>",
                escape(&address)
            );
            Ok(html::page(StatusCode::OK, title, &form))
        }
        Err(error) => page_of(error, headers),
    }
}

/// Builds the answer to an outcome, as a page or as JSON.
fn answer(done: Result<(), Error>, title: &str, text: &str, headers: &HeaderMap) -> Result<Response, Error> {
    match done {
        Ok(()) if Accepted::of(headers).prefers_page() => {
            Ok(html::page(StatusCode::OK, title, &format!("<p>{text}</p>")))
        }
        Ok(()) => Ok(Json(MessageOut::new(title)).into_response()),
        Err(error) => page_of(error, headers),
    }
}

/// Turns the error of a link that cannot be used into a page, if the client prefers pages. Returns any other error
/// unchanged.
fn page_of(error: Error, headers: &HeaderMap) -> Result<Response, Error> {
    match error {
        Error::BadEmailLink if Accepted::of(headers).prefers_page() => {
            let text = "<p>It was used before, or its time is over.</p>";
            Ok(html::page(StatusCode::NOT_FOUND, "Link is invalid or expired", text))
        }
        error => Err(error),
    }
}
