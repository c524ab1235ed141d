//! The responses about cases: what was reported, by how many, and what admins did.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::ids::UserId;
use utoipa::ToSchema;

use super::judged::{TargetStatus, decided_version, status_of};
use super::report::Target;
use crate::db::entities::{cases, decisions, reports};
use crate::db::queries::contents::Copied;
use crate::domain::content::{Content, Responsible};
use crate::domain::etag;
use crate::domain::report::{DeskAction, Outcome, Reason, Status};
use crate::domain::target::Kind;

/// A reason with the number of reports that give it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReasonCount {
    pub(crate) reason: Reason,
    pub(crate) count: i64,
}

/// The action of an admin on a case.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseResolution {
    action: DeskAction,
    reason: Option<String>,
    admin_id: UserId,
    resolved_at: Timestamp,
}

/// All reports of one target, as admins see them.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseOut {
    id: i64,
    target: Target,
    status: Status,
    report_count: i64,
    reasons: Vec<ReasonCount>,
    /// The target as it was at the newest report; null when its author has left.
    reported: Option<Content>,
    /// The state of the target now; null when this service does not know it.
    target_status: Option<TargetStatus>,
    /// The last resolution that is not undone.
    resolution: Option<CaseResolution>,
    first_reported_at: Timestamp,
    last_reported_at: Option<Timestamp>,
    /// Rises with every resolution of the case and with every decision about its target. `If-Match` compares it.
    version: i64,
    #[serde(skip)]
    rest: i64,
}

/// Everything that the response about a case is built from.
pub(crate) struct CaseParts {
    pub(crate) case: cases::Model,
    pub(crate) newest: Option<reports::Model>,
    pub(crate) reasons: Vec<ReasonCount>,
    pub(crate) copied: Option<Copied>,
    pub(crate) decision: Option<decisions::Model>,
}

impl CaseOut {
    /// Builds the response body of a case.
    pub(crate) fn of(parts: CaseParts) -> Self {
        let CaseParts { case, newest, reasons, copied, decision } = parts;
        let target = Target::of(&case.target_kind, case.target_id);
        let version = decided_version(decision.as_ref(), Some(&case));
        let action = case.action.as_deref().and_then(DeskAction::named);
        let resolution = action.zip(case.resolver_id.zip(case.resolved_at));
        let resolution = resolution.map(|(action, (admin_id, resolved_at))| CaseResolution {
            action,
            reason: case.resolution_reason,
            admin_id,
            resolved_at,
        });
        Self {
            id: case.id,
            target,
            status: Status::named(&case.status),
            report_count: case.report_count,
            reasons,
            reported: newest.as_ref().and_then(snapshot),
            target_status: copied.as_ref().map(|copied| status_of(target.kind, copied)),
            resolution,
            first_reported_at: case.created_at,
            last_reported_at: newest.map(|newest| newest.created_at),
            version,
            rest: case.report_count + copied.map_or(0, |copied| copied.version),
        }
    }

    /// Returns the entity tag.
    pub(crate) fn etag(&self) -> String {
        etag::write(self.version, self.rest)
    }
}

/// Reads the stored snapshot of a report.
fn snapshot(report: &reports::Model) -> Option<Content> {
    report.snapshot.clone().and_then(|stored| serde_json::from_value(stored).ok())
}

/// A page of cases.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseList {
    pub(crate) cases: Vec<CaseOut>,
    /// Cursor of the next page.
    pub(crate) next: Option<String>,
}

/// One report of a case, as admins see it.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseReport {
    id: i64,
    reporter: Responsible,
    reason: Reason,
    text: Option<String>,
    /// The target as it was when it was reported; null when its author has left.
    reported: Option<Content>,
    /// Null while the report is open.
    outcome: Option<Outcome>,
    created_at: Timestamp,
}

impl CaseReport {
    /// Builds the response body of a report, with the username of its reporter if it is known.
    pub(crate) fn of(row: reports::Model, username: Option<String>) -> Self {
        Self {
            id: row.id,
            reporter: Responsible { id: row.reporter_id, username },
            reason: Reason::named(&row.reason),
            reported: snapshot(&row),
            text: row.note,
            outcome: row.outcome.as_deref().and_then(Outcome::named),
            created_at: row.created_at,
        }
    }
}

/// A case with a page of its reports.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseDetail {
    pub(crate) case: CaseOut,
    /// Newest first.
    pub(crate) reports: Vec<CaseReport>,
    /// Cursor of the next page of reports.
    pub(crate) next: Option<String>,
}

/// A case that was resolved or reopened.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseDecided {
    #[schema(example = "Case 3 resolved")]
    pub(crate) message: String,
    pub(crate) case: CaseOut,
}

/// Cases that were resolved or reopened together.
#[derive(Serialize, ToSchema)]
pub(crate) struct CasesDecided {
    #[schema(example = "2 cases resolved")]
    pub(crate) message: String,
    pub(crate) cases: Vec<CaseOut>,
}

/// Returns the kind of a case's target.
pub(crate) fn kind_of(case: &cases::Model) -> Kind {
    Target::of(&case.target_kind, case.target_id).kind
}
