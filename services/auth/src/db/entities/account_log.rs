//! The log of what happens to accounts, for their owners and for admins.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;

/// An entry. Entries are added and never changed, except that failed tries and downloads are counted by the hour, and
/// that the traces of an admin who has left are removed.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "account_log")]
pub(crate) struct Model {
    #[sea_orm(primary_key)]
    pub(crate) id: i64,
    /// The name of a [`crate::domain::audit_event::AuditEvent`].
    pub(crate) kind: String,
    /// The person to whom it happened; `None` when it is about nobody, or about a username that nobody has.
    pub(crate) user_id: Option<i64>,
    /// The person who did it; `None` for operators, for the service itself, and for strangers who failed.
    pub(crate) actor_id: Option<i64>,
    /// The number of times that it happened.
    pub(crate) count: i64,
    /// The address of the client; `None` when it is not known.
    pub(crate) address: Option<String>,
    /// The id of the request, or of the last one when several are counted; `None` outside of requests.
    pub(crate) request_id: Option<String>,
    /// When it happened, for the last time.
    pub(crate) at: Timestamp,
}

/// No relations: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
