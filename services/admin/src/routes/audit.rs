//! The route of the audit log.

use axum::extract::State;
use shared::auth::AdminUser;
use shared::http::{Listed, Page};

use crate::answers::EntryList;
use crate::db::queries::audit;
use crate::error::Error;
use crate::state::AppState;

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
    let mut rows = audit::list(s.db.read(), page.after, page.fetch()).await?;
    let next = page.cut(&mut rows, |row| row.id);
    Ok(page.answer(EntryList::of(rows, next.clone()), next.as_deref()))
}
