//! People as admins see them.

use axum::extract::State;
use serde::Serialize;
use shared::auth::AdminUser;
use shared::clock::Timestamp;
use shared::http::{Listed, Page};
use shared::ids::UserId;
use utoipa::ToSchema;

use crate::db::entities::users::Model;
use crate::db::queries::users;
use crate::error::Error;
use crate::state::AppState;

/// How an account stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Active,
    Unverified,
    Blocked,
    Erased,
}

/// A person as admins see one.
#[derive(Serialize, ToSchema)]
pub(crate) struct Account {
    id: UserId,
    username: Option<String>,
    role: Option<String>,
    status: Status,
    /// The last decision has not been applied by the owner yet.
    pending: bool,
    created_at: Option<Timestamp>,
}

impl From<(Model, bool)> for Account {
    fn from((row, pending): (Model, bool)) -> Self {
        let status = match (row.deleted, row.blocked, row.verified) {
            (true, _, _) => Status::Erased,
            (false, true, _) => Status::Blocked,
            (false, false, false) => Status::Unverified,
            (false, false, true) => Status::Active,
        };
        Self { id: row.id, username: row.username, role: row.role, status, pending, created_at: row.created_at }
    }
}

/// A page of accounts.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountList {
    users: Vec<Account>,
    /// Cursor of the next page.
    next: Option<String>,
}

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
    let mut rows = users::page(s.db.read(), &page).await?;
    let next = page.cut(&mut rows, |(row, _)| row.id.0);
    let users = rows.into_iter().map(Account::from).collect();
    Ok(page.answer(AccountList { users, next: next.clone() }, next.as_deref()))
}
