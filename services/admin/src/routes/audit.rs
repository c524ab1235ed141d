//! The route of the audit log.

use axum::extract::State;
use serde::Deserialize;
use shared::auth::AdminUser;
use shared::clock::Timestamp;
use shared::http::{Listed, Page, Query};
use shared::ids::UserId;

use crate::answers::EntryList;
use crate::db::queries::audit::{self, Wanted};
use crate::domain::target::Kind;
use crate::error::Error;
use crate::state::AppState;

/// The filters of the log. An entry must meet all that are given.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditFilter {
    /// Only what this admin did.
    #[param(inline, required = false, value_type = shared::openapi::IdInQuery)]
    admin: Option<UserId>,
    /// Only this action: `block`, `unblock`, `remove`, `restore`, `warn`, `withdraw`, or what was done about a case:
    /// `resolve_case`, `dismiss_case`, `remove_case`, `block_case`, `warn_case`, `reopen_case`.
    #[param(required = false, value_type = String)]
    action: Option<String>,
    /// Only about targets of this kind.
    #[param(inline, required = false, value_type = Kind)]
    target_kind: Option<Kind>,
    /// Only about targets with this id.
    #[param(inline, required = false, value_type = shared::openapi::IdInQuery)]
    target_id: Option<UserId>,
    /// Only from this time on.
    #[param(inline, required = false, value_type = Timestamp)]
    since: Option<Timestamp>,
    /// Only before this time.
    #[param(inline, required = false, value_type = Timestamp)]
    until: Option<Timestamp>,
}

/// Reads the audit log, newest first.
#[utoipa::path(
    get, path = "/admin/audit", tag = "admin", security(("bearer" = [])),
    params(AuditFilter, Page),
    responses((status = 200, body = EntryList))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id))]
pub(crate) async fn list_audit(
    State(s): State<AppState>,
    admin: AdminUser,
    Query(filter): Query<AuditFilter>,
    page: Page,
) -> Result<Listed<EntryList>, Error> {
    let wanted = Wanted {
        actor: filter.admin,
        action: filter.action,
        kind: filter.target_kind,
        target_id: filter.target_id.map(|id| id.0),
        since: filter.since,
        until: filter.until,
        after: page.after,
        limit: page.fetch(),
    };
    let mut rows = audit::list(s.db.read(), &wanted).await?;
    let next = page.cut(&mut rows, |row| row.id);
    Ok(page.answer(EntryList::of(rows, next.clone()), next.as_deref()))
}
