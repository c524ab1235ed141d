//! The response of `GET /admin/users`.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::ids::UserId;
use utoipa::ToSchema;

use crate::db::entities::users::Model;

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

impl Account {
    /// Builds an account from its row, and from a flag that is true when the owner has not applied the last decision
    /// yet.
    fn of((row, pending): (Model, bool)) -> Self {
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

impl AccountList {
    /// Builds a page from the rows on it, each with its flag as in [`Account::of`], and the cursor of the next page,
    /// which is `None` on the last page.
    pub(crate) fn of(rows: Vec<(Model, bool)>, next: Option<String>) -> Self {
        Self { users: rows.into_iter().map(Account::of).collect(), next }
    }
}
