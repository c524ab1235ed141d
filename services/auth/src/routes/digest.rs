//! The end of digests, by the link in each of them (RFC 8058).

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use shared::error::Problem;
use shared::http::Path;

use super::links::lead_to_page;
use crate::actions;
use crate::answers::MessageOut;
use crate::error::Error;
use crate::state::AppState;

/// Leads to the page that ends the digests. Nothing has changed yet, because scanners open the links in mails.
#[utoipa::path(get, path = "/auth/digest/{token}", tag = "users", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 303, description = "To the page with the button"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn ask_end_of_digest(State(s): State<AppState>, Path(token): Path<String>) -> Result<Response, Error> {
    lead_to_page(&s.public_url, "/digest", &token)
}

/// Ends the digests of the person to whom the link was sent. Mail programs do so by a single click.
#[utoipa::path(post, path = "/auth/digest/{token}", tag = "users", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 200, description = "Ended, now or before", body = MessageOut),
    (status = 404, description = "No such link", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn end_digest(
    State(s): State<AppState>,
    Path(token): Path<String>,
) -> Result<Json<MessageOut>, Error> {
    actions::end_digest(&s.db, &s.signer, &token).await?;
    Ok(Json(MessageOut::new("You get no more digests")))
}
