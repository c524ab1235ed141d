//! The response to a report.

use serde::Serialize;
use shared::clock::Timestamp;
use utoipa::ToSchema;

use crate::db::entities::reports::Model;
use crate::domain::report::{Outcome, Reason};
use crate::domain::target::Kind;

/// Something that is reported or judged.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = ReportTarget)]
pub(crate) struct Target {
    pub(crate) kind: Kind,
    #[schema(minimum = 1, maximum = 9007199254740991i64)]
    pub(crate) id: i64,
}

impl Target {
    /// Builds a target from its stored kind and id.
    pub(crate) fn of(kind: &str, id: i64) -> Self {
        // Only names of kinds are stored.
        Self { kind: Kind::named(kind).unwrap_or(Kind::User), id }
    }
}

/// A report, as its reporter sees it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportOut {
    id: i64,
    target: Target,
    reason: Reason,
    text: Option<String>,
    /// Null while it is open.
    outcome: Option<Outcome>,
    created_at: Timestamp,
}

/// A report that was received.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReportReceived {
    #[schema(example = "Report received")]
    message: &'static str,
    report: ReportOut,
}

impl ReportReceived {
    /// Builds the confirmation of a report.
    pub(crate) fn of(row: Model) -> Self {
        let report = ReportOut {
            id: row.id,
            target: Target::of(&row.target_kind, row.target_id),
            reason: Reason::named(&row.reason),
            text: row.note,
            outcome: row.outcome.as_deref().and_then(Outcome::named),
            created_at: row.created_at,
        };
        Self { message: "Report received", report }
    }
}
