//! The archive of one's own data.

use askama::Template;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::api::Export;
use crate::error::Error;
use crate::pages::{html, lead_to};
use crate::views::Page;
use crate::visit::{Member, Visit};

#[derive(Template)]
#[template(path = "pages/settings_export.html")]
struct ExportPage {
    page: Page,
    state: &'static str,
    done: u64,
    of: u64,
}

/// Offers to make the archive. Nothing is made yet.
pub(crate) async fn show(Member(visit, _): Member) -> Result<Response, Error> {
    render(&visit, "none", 0, 0).await
}

/// Asks for the archive, and leads to its state.
pub(crate) async fn begin(Member(visit, _): Member) -> Result<Response, Error> {
    visit.api.export().await?;
    Ok(lead_to("/settings/export/state"))
}

/// Shows how far the archive is.
pub(crate) async fn show_state(Member(visit, _): Member) -> Result<Response, Error> {
    match visit.api.export().await? {
        Export::Working(done, of) => render(&visit, "working", done, of).await,
        Export::Ready(_) => render(&visit, "ready", 0, 0).await,
    }
}

/// Sends the archive.
pub(crate) async fn get_file(Member(visit, session): Member) -> Result<Response, Error> {
    let Export::Ready(archive) = visit.api.export().await? else { return Ok(lead_to("/settings/export/state")) };
    let name = format!("attachment; filename=\"chatty-{}.zip\"", session.username);
    let headers = [(header::CONTENT_TYPE, "application/zip".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, archive).into_response())
}

async fn render(visit: &Visit, state: &'static str, done: u64, of: u64) -> Result<Response, Error> {
    html(&ExportPage { page: visit.page(visit.say("settings-export-title")).await, state, done, of })
}
