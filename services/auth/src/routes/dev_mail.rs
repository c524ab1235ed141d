//! The development mailbox: the mails that would have been sent. Absent where mails are really sent.

use std::fmt::Write;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::error::ApiError;
use shared::http::Query;

use super::accept::Accepted;
use super::html;
use crate::db::entities::mail_job;
use crate::db::queries::mail_jobs;
use crate::domain::mails::escape;
use crate::state::AppState;

/// How many mails are shown.
const SHOWN: u64 = 100;

/// Whose mails.
#[derive(Deserialize)]
pub(crate) struct MailboxQuery {
    to: Option<String>,
}

#[derive(Serialize)]
struct MailOut {
    id: i64,
    to: String,
    subject: String,
    text: String,
    html: String,
    created_at: Timestamp,
}

#[derive(Serialize)]
struct MailboxOut {
    messages: Vec<MailOut>,
}

/// Shows mails, newest first: a page for who prefers one, JSON for others and for `?to=`.
#[tracing::instrument(level = "debug", skip_all)]
pub(crate) async fn read_mailbox(
    State(state): State<AppState>,
    Query(asked): Query<MailboxQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if !state.dev_mail {
        return Err(ApiError::not_found("There is nothing at this path"));
    }
    if asked.to.as_ref().is_some_and(|to| to.contains('\0')) {
        return Err(ApiError::bad_request("bad_query", "to must be an e-mail address"));
    }
    let mails = mail_jobs::mailbox(state.db.read(), asked.to.as_deref(), SHOWN).await?;
    if asked.to.is_none() && Accepted::of(&headers).prefers_page() {
        return Ok(html::page(StatusCode::OK, "Development mailbox", &list(&mails)));
    }
    let message = |mail: mail_job::Model| MailOut {
        id: mail.id,
        to: mail.to_address,
        subject: mail.subject,
        text: mail.text,
        html: mail.html,
        created_at: mail.created_at,
    };
    Ok(Json(MailboxOut { messages: mails.into_iter().map(message).collect() }).into_response())
}

fn list(mails: &[mail_job::Model]) -> String {
    if mails.is_empty() {
        return "<p>No mails yet.</p>".to_owned();
    }
    let mut out = String::new();
    for mail in mails {
        let lines: Vec<String> = mail.text.lines().map(line).collect();
        let (subject, to, text) = (escape(&mail.subject), escape(&mail.to_address), lines.join("\n"));
        let _infallible = write!(out, "<h2>{subject}</h2><p>To {to}, {}</p><pre>{text}</pre>", mail.created_at);
    }
    out
}

/// A line that is a link alone can be followed.
fn line(text: &str) -> String {
    let escaped = escape(text);
    if text.starts_with("http://") || text.starts_with("https://") {
        format!("<a href=\"{escaped}\" rel=\"noreferrer\">{escaped}</a>")
    } else {
        escaped
    }
}
