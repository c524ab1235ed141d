//! The responses about targets as admins see them, removed or not.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::ids::UserId;
use utoipa::ToSchema;

use crate::db::entities::{cases, decisions};
use crate::db::queries::contents::Copied;
use crate::domain::content::Content;
use crate::domain::etag;
use crate::domain::report::Status;
use crate::domain::target::Kind;
use crate::domain::warning::Warning;

/// The state of a target with its owner.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TargetStatus {
    /// Neither removed nor deleted; a person is not blocked.
    Shown,
    /// An admin has removed it, and can restore it.
    Removed,
    /// An admin has blocked the person.
    Blocked,
    /// Its author has deleted it, or the person has left: for good.
    Deleted,
}

/// The last decision of an admin about a target.
#[derive(Serialize, ToSchema)]
pub(crate) struct LastDecision {
    /// True when it is to be removed or blocked.
    hidden: bool,
    /// The time at which a block ends; null without an end.
    until: Option<Timestamp>,
    reason: Option<String>,
    /// The admin; 0 when a block ended at its time.
    #[schema(value_type = i64, minimum = 0)]
    admin_id: UserId,
    decided_at: Timestamp,
}

/// The case of a target that somebody has reported.
#[derive(Serialize, ToSchema)]
pub(crate) struct CaseRef {
    id: i64,
    status: Status,
    report_count: i64,
}

/// A post, comment or person as admins see it.
#[derive(Serialize, ToSchema)]
pub(crate) struct Judged {
    kind: Kind,
    #[schema(minimum = 1, maximum = 9007199254740991i64)]
    id: i64,
    status: TargetStatus,
    /// The last decision has not been applied by the owner yet.
    pending: bool,
    content: Content,
    decision: Option<LastDecision>,
    /// The warnings of a person that stand, oldest first.
    warnings: Vec<Warning>,
    case: Option<CaseRef>,
    /// Rises with every decision about it and with every resolution of its case. `If-Match` compares it.
    version: i64,
    #[serde(skip)]
    rest: i64,
}

impl Judged {
    /// Builds a target from its copy, the last decision about it, and its case.
    pub(crate) fn of(
        kind: Kind,
        copied: Copied,
        decision: Option<decisions::Model>,
        case: Option<cases::Model>,
    ) -> Self {
        let status = status_of(kind, &copied);
        let version = decided_version(decision.as_ref(), case.as_ref());
        let is_hidden = matches!(status, TargetStatus::Removed | TargetStatus::Blocked);
        let is_deleted = matches!(status, TargetStatus::Deleted);
        let pending = !is_deleted && decision.as_ref().is_some_and(|decision| decision.hidden != is_hidden);
        let warnings = decision.as_ref().and_then(|decision| decision.warnings.clone()).unwrap_or_default().0;
        let decision = decision.map(|row| LastDecision {
            hidden: row.hidden,
            until: row.hidden_until,
            reason: row.reason,
            admin_id: row.actor_id,
            decided_at: row.updated_at,
        });
        let rest = copied.version + case.as_ref().map_or(0, |case| case.report_count);
        let case = case.map(|case| CaseRef {
            id: case.id,
            status: Status::named(&case.status),
            report_count: case.report_count,
        });
        Self { kind, id: copied.id, status, pending, content: copied.content, decision, warnings, case, version, rest }
    }

    /// Returns the entity tag.
    pub(crate) fn etag(&self) -> String {
        etag::write(self.version, self.rest)
    }
}

/// Returns how a target stands according to its copy.
pub(crate) fn status_of(kind: Kind, copied: &Copied) -> TargetStatus {
    match (copied.is_tombstone, copied.is_hidden, kind) {
        (false, true, Kind::User) => TargetStatus::Blocked,
        (true, true, Kind::Post | Kind::Comment) => TargetStatus::Removed,
        (true, _, _) => TargetStatus::Deleted,
        (false, _, _) => TargetStatus::Shown,
    }
}

/// Returns the number that stands for everything that admins have decided about a target.
pub(crate) fn decided_version(decision: Option<&decisions::Model>, case: Option<&cases::Model>) -> i64 {
    decision.map_or(0, |decision| decision.version) + case.map_or(0, |case| case.version)
}

/// A page of posts as admins see them.
#[derive(Serialize, ToSchema)]
pub(crate) struct JudgedPosts {
    pub(crate) posts: Vec<Judged>,
    /// Cursor of the next page.
    pub(crate) next: Option<String>,
}

/// A page of comments as admins see them.
#[derive(Serialize, ToSchema)]
pub(crate) struct JudgedComments {
    pub(crate) comments: Vec<Judged>,
    /// Cursor of the next page.
    pub(crate) next: Option<String>,
}
