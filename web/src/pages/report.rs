//! Reports to the moderators.

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use shared::http::Query;

use super::form::Typed;
use super::{html, html_with, lead_to};
use crate::error::Error;
use crate::views::{Form, Page};
use crate::visit::{Member, Visit};

/// The reasons that the API takes.
const REASONS: [&str; 8] = ["spam", "harassment", "hate", "violence", "nudity", "illegal", "misinformation", "other"];

#[derive(Template)]
#[template(path = "pages/report.html")]
struct ReportPage {
    page: Page,
    form: Form,
    target: String,
    kind: &'static str,
    id: u64,
    reasons: [&'static str; 8],
}

/// The thing that is reported: one of these three.
#[derive(Deserialize)]
pub(crate) struct ReportQuery {
    post: Option<u64>,
    comment: Option<u64>,
    user: Option<u64>,
}

/// The form with a report.
#[derive(Deserialize)]
pub(crate) struct ReportForm {
    kind: String,
    id: u64,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    key: String,
}

/// Shows the form.
pub(crate) async fn show_report(Member(visit, _): Member, Query(asked): Query<ReportQuery>) -> Result<Response, Error> {
    let (kind, id) = match (asked.post, asked.comment, asked.user) {
        (Some(id), _, _) => ("post", id),
        (_, Some(id), _) => ("comment", id),
        (_, _, Some(id)) => ("user", id),
        _ => return Err(Error::not_found()),
    };
    html(&report_page(&visit, Form::new(), kind, id).await)
}

/// Hands a report on.
pub(crate) async fn report(Member(visit, _): Member, Typed(typed): Typed<ReportForm>) -> Result<Response, Error> {
    let kind = ["post", "comment", "user"].into_iter().find(|kind| *kind == typed.kind).ok_or_else(Error::not_found)?;
    let reported = visit.api.report(kind, typed.id, &typed.reason, typed.text.trim(), &typed.key).await;
    let Err(error) = reported else {
        let back = match kind {
            "post" => format!("/p/{}?done=reported", typed.id),
            _ => "/?done=reported".to_owned(),
        };
        return Ok(lead_to(&back));
    };
    let form = Form::filled(&[("reason", &typed.reason), ("text", &typed.text)], &typed.key);
    let (status, form) = form.refuse(error, &visit.language)?;
    html_with(status, &report_page(&visit, form, kind, typed.id).await)
}

async fn report_page(visit: &Visit, form: Form, kind: &'static str, id: u64) -> ReportPage {
    let target = match kind {
        "post" => visit.say("report-post"),
        "comment" => visit.say("report-comment"),
        _ => visit.say("report-user"),
    };
    ReportPage { page: visit.page(visit.say("report-title")).await, form, target, kind, id, reasons: REASONS }
}
