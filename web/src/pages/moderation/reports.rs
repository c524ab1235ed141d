//! Reports: cases with what was reported, and what is done about them.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use shared::http::{Path, Query};

use crate::api::Case;
use crate::error::Error;
use crate::pages::form::Typed;
use crate::pages::{html, lead_to, next_path};
use crate::views::{Moment, Page};
use crate::visit::{Member, Visit};

#[derive(Template)]
#[template(path = "pages/moderation_reports.html")]
struct ReportsPage {
    page: Page,
    cases: Vec<CaseView>,
    next: Option<String>,
    status: &'static str,
}

/// A case, as the page shows it.
struct CaseView {
    id: u64,
    status: String,
    kind: String,
    href: String,
    author: String,
    title: String,
    content: String,
    reasons: Vec<(String, u64)>,
    count: u64,
    last: Moment,
    resolution: Option<String>,
}

/// The query of the page.
#[derive(Deserialize)]
pub(crate) struct ReportsQuery {
    status: Option<String>,
    cursor: Option<String>,
}

/// The end of a case.
#[derive(Deserialize)]
pub(crate) struct ResolveForm {
    action: String,
    #[serde(default)]
    reason: String,
}

/// Shows the cases in a status.
pub(crate) async fn show(Member(visit, _): Member, Query(asked): Query<ReportsQuery>) -> Result<Response, Error> {
    let status = match asked.status.as_deref() {
        Some("acted") => "acted",
        Some("dismissed") => "dismissed",
        _ => "open",
    };
    let list = visit.api.cases(status, asked.cursor.as_deref()).await?;
    let cases = list.cases.into_iter().map(|case| CaseView::new(case, &visit)).collect();
    let next = next_path(&format!("/moderation/reports?status={status}"), list.next);
    html(&ReportsPage { page: visit.page(visit.say("moderation-reports-title")).await, cases, next, status })
}

impl CaseView {
    fn new(case: Case, visit: &Visit) -> Self {
        let content = case.reported.unwrap_or_default();
        let author = content.author.and_then(|author| author.username);
        let href = match &*case.target.kind {
            "post" => format!("/p/{}", case.target.id),
            "comment" => content
                .post_id
                .map(|post| format!("/p/{post}?at={}#comment-{}", case.target.id, case.target.id))
                .unwrap_or_default(),
            _ => author.as_ref().map(|name| format!("/@{name}")).unwrap_or_default(),
        };
        let names: Vec<String> = content.first_name.into_iter().chain(content.last_name).collect();
        let title = content.title.unwrap_or_else(|| names.join(" "));
        let say_reason = |reason: &str| visit.say(&format!("report-reason-{reason}"));
        let resolution = case.resolution.map(|end| {
            let action = visit.say(&format!("moderation-action-{}", end.action));
            end.reason.map(|reason| format!("{action}: {reason}")).unwrap_or(action)
        });
        Self {
            id: case.id,
            status: case.status,
            kind: case.target.kind,
            href,
            author: author.unwrap_or_default(),
            title,
            content: content.content.or(content.bio).unwrap_or_default(),
            reasons: case.reasons.iter().map(|one| (say_reason(&one.reason), one.count)).collect(),
            count: case.report_count,
            last: visit.viewer().moment(case.last_reported_at.unwrap_or(case.first_reported_at)),
            resolution,
        }
    }
}

/// Ends a case.
pub(crate) async fn resolve(
    Member(visit, _): Member,
    Path(id): Path<u64>,
    Typed(typed): Typed<ResolveForm>,
) -> Result<Response, Error> {
    visit.api.resolve_case(id, &typed.action, typed.reason.trim()).await?;
    Ok(lead_to("/moderation/reports?done=case-ended"))
}

/// Opens a case again, and takes back what was done.
pub(crate) async fn reopen(Member(visit, _): Member, Path(id): Path<u64>) -> Result<Response, Error> {
    visit.api.reopen_case(id).await?;
    Ok(lead_to("/moderation/reports?done=case-reopened"))
}
