//! The log of accounts, as the person concerned and as admins get it.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::ids::UserId;
use utoipa::ToSchema;

use crate::db::entities::account_log::Model;

/// An entry in the log of one's own account.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnEntryOut {
    id: i64,
    #[schema(example = "signed_in")]
    kind: String,
    /// The number of times; failed tries of an hour are one entry.
    count: i64,
    /// True for what one has done oneself.
    by_yourself: bool,
    /// The address it came from; `null` when it is not known, or is an administrator's.
    #[schema(example = "192.0.2.7")]
    address: Option<String>,
    /// When it happened, for the last time.
    at: Timestamp,
}

impl From<Model> for OwnEntryOut {
    fn from(entry: Model) -> Self {
        let by_yourself = entry.actor_id.is_some() && entry.actor_id == entry.user_id;
        let by_admin = entry.actor_id.is_some() && !by_yourself;
        Self {
            id: entry.id,
            kind: entry.kind,
            count: entry.count,
            by_yourself,
            address: entry.address.filter(|_| !by_admin),
            at: entry.at,
        }
    }
}

/// A page of one's own log.
#[derive(Serialize, ToSchema)]
pub(crate) struct OwnLogOut {
    pub(crate) entries: Vec<OwnEntryOut>,
    /// The cursor of the next page.
    pub(crate) next: Option<String>,
}

/// An entry in the log of all accounts.
#[derive(Serialize, ToSchema)]
pub(crate) struct EntryOut {
    id: i64,
    #[schema(example = "sign_in_failed")]
    kind: String,
    /// The number of times; failed tries of an hour are one entry.
    count: i64,
    /// The person it happened to; `null` when it is about nobody, or about a username that nobody has.
    user_id: Option<UserId>,
    /// The person who did it; `null` for operators, the service itself, and strangers who failed.
    actor_id: Option<UserId>,
    #[schema(example = "192.0.2.7")]
    address: Option<String>,
    /// The request, the last one of several.
    request_id: Option<String>,
    /// When it happened, for the last time.
    at: Timestamp,
}

impl From<Model> for EntryOut {
    fn from(entry: Model) -> Self {
        Self {
            id: entry.id,
            kind: entry.kind,
            count: entry.count,
            user_id: entry.user_id.map(UserId),
            actor_id: entry.actor_id.map(UserId),
            address: entry.address,
            request_id: entry.request_id,
            at: entry.at,
        }
    }
}

/// A page of the log of all accounts.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogOut {
    pub(crate) entries: Vec<EntryOut>,
    /// The cursor of the next page.
    pub(crate) next: Option<String>,
}
