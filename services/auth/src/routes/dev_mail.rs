//! The development mailbox: the mails that would have been sent. It does not exist when the settings name a mail
//! server.

use std::fmt::Write;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::error::ApiError;
use shared::http::Query;

use super::accept::Accepted;
use super::html;
use crate::answers::{MailOut, MailboxOut};
use crate::db::entities::mail_jobs::Model as Mail;
use crate::db::queries::mail_jobs;
use crate::domain::mails::escape;
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

/// Answers the mails, newest first: as a page for a client that prefers one, as JSON for others and with `?to=`.
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
    let mails = mail_jobs::list_mailbox(s.db.read(), asked.to.as_deref(), SHOWN).await?;
    if asked.to.is_none() && Accepted::of(&headers).prefers_page() {
        return Ok(html::page(StatusCode::OK, "Development mailbox", &list_as_html(&mails)));
    }
    Ok(Json(MailboxOut { messages: mails.into_iter().map(MailOut::from).collect() }).into_response())
}

fn list_as_html(mails: &[Mail]) -> String {
    if mails.is_empty() {
        return "<p>No mails yet.</p>".to_owned();
    }
    let mut out = String::new();
    for mail in mails {
        let lines: Vec<String> = mail.text.lines().map(line_as_html).collect();
        let (subject, to, text) = (escape(&mail.subject), escape(&mail.to_address), lines.join("\n"));
        let _infallible = write!(out, "<h2>{subject}</h2><p>To {to}, {}</p><pre>{text}</pre>", mail.created_at);
    }
    out
}

/// Turns a line of a mail's text into HTML. A line that begins with a URL becomes a link.
fn line_as_html(text: &str) -> String {
    let escaped = escape(text);
    if text.starts_with("http://") || text.starts_with("https://") {
        format!("<a href=\"{escaped}\" rel=\"noreferrer\">{escaped}</a>")
    } else {
        escaped
    }
}
