//! The sessions of an account: where one is signed in.

use askama::Template;
use axum::response::Response;
use shared::http::Path;

use crate::error::Error;
use crate::pages::{html, lead_to};
use crate::views::{Moment, Page};
use crate::visit::Member;

#[derive(Template)]
#[template(path = "pages/settings_sessions.html")]
struct SessionsPage {
    page: Page,
    sessions: Vec<SessionView>,
}

/// A session, as the page shows it.
struct SessionView {
    id: u64,
    client: String,
    address: String,
    started: Moment,
    last_used: Moment,
    current: bool,
}

/// Shows the sessions.
pub(crate) async fn show(Member(visit, _): Member) -> Result<Response, Error> {
    let sessions = visit.api.sessions().await?;
    let viewer = visit.viewer();
    let sessions = sessions.into_iter().map(|one| SessionView {
        id: one.id,
        client: one.application.or(one.client).unwrap_or_else(|| visit.say("settings-sessions-unknown")),
        address: one.address.unwrap_or_default(),
        started: viewer.moment(one.started_at),
        last_used: viewer.moment(one.last_used_at),
        current: one.current,
    });
    let sessions = sessions.collect();
    html(&SessionsPage { page: visit.page(visit.say("settings-sessions-title")).await, sessions })
}

/// Ends a session.
pub(crate) async fn end(Member(visit, _): Member, Path(id): Path<u64>) -> Result<Response, Error> {
    crate::pages::posts::ignore_missing(visit.api.end_session(Some(id)).await)?;
    Ok(lead_to("/settings/sessions?done=session-ended"))
}

/// Ends all sessions but this one.
pub(crate) async fn end_others(Member(visit, _): Member) -> Result<Response, Error> {
    visit.api.end_session(None).await?;
    Ok(lead_to("/settings/sessions?done=session-ended"))
}
