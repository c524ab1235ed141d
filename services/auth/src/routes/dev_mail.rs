//! The development mailbox: the mails that would have been sent. It does not exist when the settings name a mail
//! server.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::error::ApiError;
use shared::http::Query;

use super::accept::Accepted;
use super::links::lead_to_page;
use crate::answers::{MailOut, MailboxOut};
use crate::db::queries::mail_jobs;
use crate::error::Error;
use crate::state::AppState;

/// The highest number of mails that are shown.
const SHOWN: u64 = 100;

/// The filter of the mailbox.
#[derive(Deserialize)]
pub(crate) struct MailboxQuery {
    /// An address, in any spelling.
    to: Option<String>,
}

/// Answers the mails, newest first. A client that prefers a page, and asks for all mails, is led to it.
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn read_mailbox(
    State(s): State<AppState>,
    Query(asked): Query<MailboxQuery>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    if !s.has_mailbox {
        return Err(ApiError::not_found("There is nothing at this path").into());
    }
    // Postgres cannot compare a text with a NUL and would answer 500.
    if asked.to.as_ref().is_some_and(|to| to.contains('\0')) {
        return Err(ApiError::bad_request("bad_query", "to must be an e-mail address").into());
    }
    if asked.to.is_none() && Accepted::of(&headers).prefers_page() {
        return lead_to_page(&s.public_url, "", "mailbox");
    }
    let mails = mail_jobs::list_mailbox(s.db.read(), asked.to.as_deref(), SHOWN).await?;
    Ok(Json(MailboxOut { messages: mails.into_iter().map(MailOut::from).collect() }).into_response())
}
