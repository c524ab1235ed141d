//! The routes of the moderation desk: the queue of cases, their resolution, and its undoing.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use serde::Deserialize;
use shared::auth::AdminUser;
use shared::clock::Timestamp;
use shared::error::FieldErrors;
use shared::http::{Listed, OptionalJson, Page, Path, Query, ValidJson, Validate};
use shared::request_id;
use shared::text::{self, Lines};
use utoipa::ToSchema;

use super::conditions::{Condition, Conditions};
use super::moderation::{ReasonIn, Tagged};
use crate::actions::{self, Chosen, Resolution};
use crate::answers::{
    CaseDecided, CaseDetail, CaseList, CaseOut, CaseParts, CaseReport, CasesDecided, ReasonCount, kind_of,
};
use crate::db::entities::cases::Model;
use crate::db::entities::reports::Model as Report;
use crate::db::queries::{cases, contents, decisions, reports};
use crate::domain::ids::CaseId;
use crate::domain::report::{DeskAction, Status};
use crate::domain::target::Kind;
use crate::error::Error;
use crate::state::AppState;

/// The filter of the queue.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CaseFilter {
    /// Only cases with this status.
    #[param(inline, required = false, value_type = Status)]
    status: Option<Status>,
}

/// Lists what people have reported, a case for each target, those first that were reported last.
#[utoipa::path(
    get, path = "/admin/reports", tag = "admin", security(("bearer" = [])),
    params(CaseFilter, Page),
    responses((status = 200, body = CaseList))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id))]
pub(crate) async fn list_cases(
    State(s): State<AppState>,
    admin: AdminUser,
    Query(filter): Query<CaseFilter>,
    page: Page,
) -> Result<Listed<CaseList>, Error> {
    let mut rows = cases::list(s.db.read(), filter.status, page.after, page.fetch()).await?;
    let next = page.cut(&mut rows, |row| row.last_report_id.unwrap_or_default());
    let cases = show(&s, rows).await?;
    Ok(page.answer(CaseList { cases, next: next.clone() }, next.as_deref()))
}

/// Reads a case with its reports, newest first.
#[utoipa::path(
    get, path = "/admin/reports/{id}", tag = "admin", security(("bearer" = [])),
    params(("id" = CaseId, Path, description = "The case"), Page),
    responses((status = 200, body = CaseDetail, headers(("ETag" = String, description = "`\"v.r\"`: decisions and the rest"))))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id, case.id = %id))]
pub(crate) async fn get_case(
    State(s): State<AppState>,
    admin: AdminUser,
    Path(id): Path<CaseId>,
    page: Page,
) -> Result<Tagged<Listed<CaseDetail>>, Error> {
    let case = show_one(&s, id).await?;
    let mut rows = reports::list_of(s.db.read(), id.0, page.after, page.fetch()).await?;
    let next = page.cut(&mut rows, |row| row.id);
    let names = contents::find_names(s.db.read(), rows.iter().map(|row| row.reporter_id)).await?;
    let with_name = |row: Report| {
        let name = names.get(&row.reporter_id).cloned();
        CaseReport::of(row, name)
    };
    let reports = rows.into_iter().map(with_name).collect();
    let etag = case.etag();
    Ok(([(header::ETAG, etag)], page.answer(CaseDetail { case, reports, next: next.clone() }, next.as_deref())))
}

/// The action on a case.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResolveIn {
    action: DeskAction,
    /// For the log. A warned person reads it, so `warn` requires it.
    #[schema(value_type = Option<String>, max_length = 500)]
    reason: Option<Lines>,
    /// The time at which a block ends; without it a block has no end.
    until: Option<Timestamp>,
}

impl Validate for ResolveIn {
    fn validate(&self, errors: &mut FieldErrors) {
        check_resolution(errors, self.action, self.reason.as_ref(), self.until);
    }
}

fn check_resolution(errors: &mut FieldErrors, action: DeskAction, reason: Option<&Lines>, until: Option<Timestamp>) {
    match reason {
        Some(reason) => text::check_lines(errors, "reason", reason, usize::from(action == DeskAction::Warn), 500),
        None if action == DeskAction::Warn => errors.add("reason", "is missing; the warned person reads it"),
        None => {}
    }
    if until.is_some() && action != DeskAction::Block {
        errors.add("until", "must be left out: only a block has an end");
    }
}

/// Resolves a case: dismisses it, or removes, blocks or warns in the same step. The reporters are told the outcome.
#[utoipa::path(
    post, path = "/admin/reports/{id}/resolve", tag = "admin", security(("bearer" = [])), request_body = ResolveIn,
    params(("id" = CaseId, Path, description = "The case"), Conditions),
    responses((status = 200, body = CaseDecided, headers(("ETag" = String, description = "The new one"))))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id, case.id = %id))]
pub(crate) async fn resolve_case(
    State(s): State<AppState>,
    admin: AdminUser,
    Path(id): Path<CaseId>,
    Condition(condition): Condition,
    ValidJson(sent): ValidJson<ResolveIn>,
) -> Result<Tagged<Json<CaseDecided>>, Error> {
    let resolution = resolution(sent);
    actions::resolve(&s.db, &admin, &Chosen::One(id.0, condition), &resolution).await?;
    decided(&s, id, "resolved").await
}

/// Undoes the last resolution of a case: the opposite decision is made, unless somebody has decided otherwise since, and
/// its reports are open again.
#[utoipa::path(
    post, path = "/admin/reports/{id}/reopen", tag = "admin", security(("bearer" = [])),
    request_body = Option<ReasonIn>,
    params(("id" = CaseId, Path, description = "The case"), Conditions),
    responses((status = 200, body = CaseDecided, headers(("ETag" = String, description = "The new one"))))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id, case.id = %id))]
pub(crate) async fn reopen_case(
    State(s): State<AppState>,
    admin: AdminUser,
    Path(id): Path<CaseId>,
    Condition(condition): Condition,
    OptionalJson(sent): OptionalJson<ReasonIn>,
) -> Result<Tagged<Json<CaseDecided>>, Error> {
    let reason = sent.and_then(ReasonIn::into_text);
    actions::reopen(&s.db, &admin, &Chosen::One(id.0, condition), reason, current_request()).await?;
    decided(&s, id, "reopened").await
}

/// A case, as an admin has seen it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeenCase {
    id: CaseId,
    /// `version` of the case; if it is given and has changed, nothing is done.
    #[schema(minimum = 0)]
    version: Option<i64>,
}

/// The action on several cases.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResolveSeveralIn {
    #[schema(min_items = 1, max_items = 100)]
    cases: Vec<SeenCase>,
    action: DeskAction,
    /// For the log. A warned person reads it, so `warn` requires it.
    #[schema(value_type = Option<String>, max_length = 500)]
    reason: Option<Lines>,
    /// The time at which blocks end; without it they have no end.
    until: Option<Timestamp>,
}

impl Validate for ResolveSeveralIn {
    fn validate(&self, errors: &mut FieldErrors) {
        check_cases(errors, &self.cases);
        check_resolution(errors, self.action, self.reason.as_ref(), self.until);
    }
}

fn check_cases(errors: &mut FieldErrors, cases: &[SeenCase]) {
    if cases.is_empty() || cases.len() > 100 {
        errors.add("cases", "must name 1 to 100 cases");
    }
}

/// Resolves several cases in the same way, all or none.
#[utoipa::path(
    post, path = "/admin/reports/resolve", tag = "admin", security(("bearer" = [])), request_body = ResolveSeveralIn,
    responses((status = 200, body = CasesDecided))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id))]
pub(crate) async fn resolve_cases(
    State(s): State<AppState>,
    admin: AdminUser,
    ValidJson(sent): ValidJson<ResolveSeveralIn>,
) -> Result<Json<CasesDecided>, Error> {
    let ResolveSeveralIn { cases, action, reason, until } = sent;
    let resolution = resolution(ResolveIn { action, reason, until });
    let chosen = several(&cases);
    actions::resolve(&s.db, &admin, &chosen, &resolution).await?;
    all_decided(&s, &chosen, "resolved").await
}

/// Several cases whose resolutions are to be undone.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReopenSeveralIn {
    #[schema(min_items = 1, max_items = 100)]
    cases: Vec<SeenCase>,
    /// For the log.
    #[schema(value_type = Option<String>, max_length = 500)]
    reason: Option<Lines>,
}

impl Validate for ReopenSeveralIn {
    fn validate(&self, errors: &mut FieldErrors) {
        check_cases(errors, &self.cases);
        if let Some(reason) = &self.reason {
            text::check_lines(errors, "reason", reason, 0, 500);
        }
    }
}

/// Undoes the last resolutions of several cases, all or none.
#[utoipa::path(
    post, path = "/admin/reports/reopen", tag = "admin", security(("bearer" = [])), request_body = ReopenSeveralIn,
    responses((status = 200, body = CasesDecided))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id))]
pub(crate) async fn reopen_cases(
    State(s): State<AppState>,
    admin: AdminUser,
    ValidJson(sent): ValidJson<ReopenSeveralIn>,
) -> Result<Json<CasesDecided>, Error> {
    let chosen = several(&sent.cases);
    actions::reopen(&s.db, &admin, &chosen, sent.reason.map(String::from), current_request()).await?;
    all_decided(&s, &chosen, "reopened").await
}

fn several(seen: &[SeenCase]) -> Chosen {
    Chosen::Several(seen.iter().map(|case| (case.id.0, case.version)).collect())
}

fn current_request() -> String {
    request_id::current().unwrap_or_default()
}

/// Builds the resolution that is asked for.
fn resolution(sent: ResolveIn) -> Resolution {
    let ResolveIn { action, reason, until } = sent;
    Resolution { action, reason: reason.map(String::from), until, request_id: current_request() }
}

/// Answers with a case after a write.
async fn decided(s: &AppState, id: CaseId, what: &str) -> Result<Tagged<Json<CaseDecided>>, Error> {
    let case = show_one(s, id).await?;
    Ok(([(header::ETAG, case.etag())], Json(CaseDecided { message: format!("Case {id} {what}"), case })))
}

/// Answers with several cases after a write.
async fn all_decided(s: &AppState, chosen: &Chosen, what: &str) -> Result<Json<CasesDecided>, Error> {
    let mut rows = cases::find_all(s.db.read(), &chosen.ids()).await?;
    rows.sort_by_key(|row| row.id);
    let cases = show(s, rows).await?;
    let noun = if cases.len() == 1 { "case" } else { "cases" };
    Ok(Json(CasesDecided { message: format!("{} {noun} {what}", cases.len()), cases }))
}

async fn show_one(s: &AppState, id: CaseId) -> Result<CaseOut, Error> {
    let rows = cases::find_all(s.db.read(), &[id.0]).await?;
    show(s, rows).await?.pop().ok_or(Error::CaseNotFound(id.0))
}

/// Reads everything that these cases show.
async fn show(s: &AppState, rows: Vec<Model>) -> Result<Vec<CaseOut>, Error> {
    let db = s.db.read();
    let mut newest = reports::find_all(db, rows.iter().filter_map(|row| row.last_report_id)).await?;
    let mut reasons: HashMap<i64, Vec<ReasonCount>> = HashMap::new();
    for (case, reason, count) in reports::count_reasons(db, rows.iter().map(|row| row.id)).await? {
        reasons.entry(case).or_default().push(ReasonCount { reason, count });
    }
    let (mut copied, mut decided) = (HashMap::new(), HashMap::new());
    for kind in [Kind::User, Kind::Post, Kind::Comment] {
        let ids: Vec<i64> = rows.iter().filter(|row| kind_of(row) == kind).map(|row| row.target_id).collect();
        if !ids.is_empty() {
            let found = contents::find_all(db, kind, ids.iter().copied()).await?;
            copied.extend(found.into_iter().map(|one| ((kind, one.id), one)));
            let found = decisions::find_all(db, kind, ids).await?;
            decided.extend(found.into_iter().map(|row| ((kind, row.target_id), row)));
        }
    }
    let shown = rows.into_iter().map(|case| {
        let target = (kind_of(&case), case.target_id);
        CaseOut::of(CaseParts {
            newest: case.last_report_id.and_then(|id| newest.remove(&id)),
            reasons: reasons.remove(&case.id).unwrap_or_default(),
            copied: copied.remove(&target),
            decision: decided.remove(&target),
            case,
        })
    });
    Ok(shown.collect())
}
