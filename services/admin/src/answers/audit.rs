//! The response of `GET /admin/audit`.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::ids::UserId;
use utoipa::ToSchema;

use crate::db::entities::audit::Model;

/// What an admin did, or tried to do.
#[derive(Serialize, ToSchema)]
pub(crate) struct Entry {
    id: i64,
    at: Timestamp,
    /// The admin; 0 when a block has ended at its time.
    #[schema(value_type = i64, minimum = 0, maximum = 9007199254740991i64)]
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

impl EntryList {
    /// Builds a page from the rows on it and the cursor of the next page, which is `None` on the last page.
    pub(crate) fn of(rows: Vec<Model>, next: Option<String>) -> Self {
        Self { entries: rows.into_iter().map(Entry::from).collect(), next }
    }
}
