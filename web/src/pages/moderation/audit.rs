//! The audit log.

use askama::Template;
use axum::response::Response;
use shared::http::Query;

use crate::error::Error;
use crate::pages::{ListQuery, html, next_path};
use crate::views::{Moment, Page};
use crate::visit::Member;

#[derive(Template)]
#[template(path = "pages/moderation_audit.html")]
struct AuditPage {
    page: Page,
    entries: Vec<AuditView>,
    next: Option<String>,
}

/// An entry, as the page shows it.
struct AuditView {
    at: Moment,
    actor: String,
    action: String,
    target: String,
    reason: String,
    result: String,
}

/// Shows the log, newest first.
pub(crate) async fn show(Member(visit, _): Member, Query(list): Query<ListQuery>) -> Result<Response, Error> {
    let found = visit.api.audit(list.cursor.as_deref()).await?;
    let viewer = visit.viewer();
    let entries = found.entries.into_iter().map(|entry| AuditView {
        at: viewer.moment(entry.at),
        actor: entry.actor_username,
        action: entry.action,
        target: format!("{} {}", entry.target_kind, entry.target_id),
        reason: entry.reason.unwrap_or_default(),
        result: entry.result,
    });
    let (entries, next) = (entries.collect(), next_path("/moderation/audit", found.next));
    html(&AuditPage { page: visit.page(visit.say("moderation-audit-title")).await, entries, next })
}
