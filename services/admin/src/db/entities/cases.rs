//! The table `cases`: one row for each target that somebody has reported. It stays when the case is resolved.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;
use shared::ids::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "cases")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub target_kind: String,
    pub target_id: i64,
    /// The author of the target, or the person who is the target.
    pub author_id: Option<UserId>,
    /// The name of a `Status`.
    pub status: String,
    /// Raised by each resolution and by each undoing of one, not by reports.
    pub version: i64,
    pub report_count: i64,
    /// The newest report, by which the queue is ordered. Absent only within the transaction of the first report.
    pub last_report_id: Option<i64>,
    /// The number of the last resolution that is not undone, which its reports have too. Absent without one, as are the
    /// columns below.
    pub resolution: Option<i64>,
    /// The name of a `DeskAction`.
    pub action: Option<String>,
    /// The version of the decision that the resolution made; absent if it changed nothing.
    pub decided_version: Option<i64>,
    pub resolution_reason: Option<String>,
    pub resolver_id: Option<UserId>,
    pub resolved_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
