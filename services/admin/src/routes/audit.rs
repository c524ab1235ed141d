//! The audit log.

use axum::extract::State;
use serde::Serialize;
use shared::auth::AdminUser;
use shared::clock::Timestamp;
use shared::http::{Listed, Page};
use shared::ids::UserId;
use utoipa::ToSchema;

use crate::db::entities::audit::Model;
use crate::db::queries::audit;
use crate::error::Error;
use crate::state::AppState;

/// What an admin did, or tried to do.
#[derive(Serialize, ToSchema)]
pub(crate) struct Entry {
    id: i64,
    at: Timestamp,
    actor_id: UserId,
    actor_username: String,
    #[schema(example = "block")]
    action: String,
    #[schema(example = "user")]
    target_kind: String,
    target_id: i64,
    reason: Option<String>,
    request_id: String,
    #[schema(example = "done")]
    result: String,
}

impl From<Model> for Entry {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            at: row.at,
            actor_id: row.actor_id,
            actor_username: row.actor_username,
            action: row.action,
            target_kind: row.target_kind,
            target_id: row.target_id,
            reason: row.reason,
            request_id: row.request_id,
            result: row.result,
        }
    }
}

/// A page of the log.
#[derive(Serialize, ToSchema)]
pub(crate) struct EntryList {
    entries: Vec<Entry>,
    /// Cursor of the next page.
    next: Option<String>,
}

/// Reads the audit log, newest first.
#[utoipa::path(
    get, path = "/admin/audit", tag = "admin", security(("bearer" = [])),
    params(Page),
    responses((status = 200, body = EntryList))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id))]
pub(crate) async fn list_audit(
    State(s): State<AppState>,
    admin: AdminUser,
    page: Page,
) -> Result<Listed<EntryList>, Error> {
    let mut rows = audit::page(s.db.read(), &page).await?;
    let next = page.cut(&mut rows, |row| row.id);
    let entries = rows.into_iter().map(Entry::from).collect();
    Ok(page.answer(EntryList { entries, next: next.clone() }, next.as_deref()))
}
