//! The end of digests, by the link in each of them (RFC 8058).

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use shared::error::Problem;
use shared::http::Path;

use super::accept::Accepted;
use super::html;
use crate::actions;
use crate::answers::MessageOut;
use crate::domain::mails::escape;
use crate::error::Error;
use crate::state::AppState;

/// The sentence that confirms the end.
const ENDED: &str = "You get no more digests";

/// Shows a page with a button that ends the digests. Nothing has changed yet, because scanners open the links in mails.
#[utoipa::path(get, path = "/auth/digest/{token}", tag = "users", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 200, description = "The page", body = String, content_type = "text/html"),
    (status = 404, description = "No such link", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn ask_end_of_digest(State(s): State<AppState>, Path(token): Path<String>) -> Result<Response, Error> {
    s.signer.verify_digest_token(&token).ok_or(Error::DigestNotFound)?;
    let form = format!(
        "<p>You get a mail from Chatty when something has happened that you have not seen, once a day at most.</p>\
         <form method=\"post\" action=\"/auth/digest/{}\"><button>End these mails</button></form>",
        escape(&token)
    );
    Ok(html::page(StatusCode::OK, "End the digests", &form))
}

/// Ends the digests of the person to whom the link was sent. Mail programs do so by a single click.
#[utoipa::path(post, path = "/auth/digest/{token}", tag = "users", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 200, description = "Ended, now or before; a page for clients that prefer one", content((MessageOut = "application/json"), (String = "text/html"))),
    (status = 404, description = "No such link", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn end_digest(
    State(s): State<AppState>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    actions::end_digest(&s.db, &s.signer, &token).await?;
    if Accepted::of(&headers).prefers_page() {
        return Ok(html::page(StatusCode::OK, ENDED, "<p>You can ask for them again in your profile.</p>"));
    }
    let headers = [(header::VARY, "accept"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, Json(MessageOut::new(ENDED))).into_response())
}
