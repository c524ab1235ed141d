//! The route of the accounts, as admins see them.

use axum::extract::State;
use shared::auth::AdminUser;
use shared::http::{Listed, Page};

use crate::answers::AccountList;
use crate::db::queries::accounts;
use crate::error::Error;
use crate::state::AppState;

/// Lists accounts, newest first.
#[utoipa::path(
    get, path = "/admin/users", tag = "admin", security(("bearer" = [])),
    params(Page),
    responses((status = 200, body = AccountList))
)]
#[tracing::instrument(level = "debug", skip_all, fields(admin.id = %admin.0.id))]
pub(crate) async fn list_accounts(
    State(s): State<AppState>,
    admin: AdminUser,
    page: Page,
) -> Result<Listed<AccountList>, Error> {
    let mut rows = accounts::list(s.db.read(), page.after, page.fetch()).await?;
    let next = page.cut(&mut rows, |(row, _)| row.id.0);
    Ok(page.answer(AccountList::of(rows, next.clone()), next.as_deref()))
}
