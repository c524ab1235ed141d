//! Links in mails: the offer of each, and the way from its address to its page.
//!
//! The pages belong to the program `web`. The addresses in mails stay those of this service, because mails are kept for a
//! long time.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use shared::error::{ApiError, Problem};
use shared::http::Path;
use url::Url;

use super::not_stored::NOT_STORED;
use crate::actions::{self, Offer};
use crate::answers::LinkOut;
use crate::error::Error;
use crate::state::AppState;

/// Tells what a link in a mail offers, for the page behind it. Nothing changes.
#[utoipa::path(get, path = "/auth/links/{token}", tag = "auth", params(("token" = String, Path, description = "From the mail")), responses(
    (status = 200, description = "The offer", body = LinkOut),
    (status = 404, description = "Unknown, used or expired, or another account has got the address", body = Problem, content_type = "application/problem+json"),
))]
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn get_link(State(s): State<AppState>, Path(token): Path<String>) -> Result<impl IntoResponse, Error> {
    let Offer { purpose, user, address } = actions::describe_link(&s.db, &token).await?;
    Ok((NOT_STORED, Json(LinkOut::new(purpose, user, address))))
}

/// Leads somebody who has opened a link to its page, such as `/verify`. The link is not looked up, because the page does
/// that.
pub(super) fn lead_to_page(public_url: &str, page: &str, token: &str) -> Result<Response, Error> {
    let mut url = Url::parse(&format!("{public_url}{page}")).map_err(ApiError::internal)?;
    if let Ok(mut path) = url.path_segments_mut() {
        // Encodes the token, so that no sign in it leads elsewhere.
        path.push(token);
    }
    let headers = [(header::LOCATION, url.as_str()), (header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}
