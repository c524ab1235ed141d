//! The table `reports`: at most one row for each person and target. Rows are never deleted.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;
use shared::ids::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "reports")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The version of the published outcome.
    pub version: i64,
    pub case_id: i64,
    pub reporter_id: UserId,
    pub target_kind: String,
    pub target_id: i64,
    /// The author of the target, or the person who is the target.
    pub author_id: Option<UserId>,
    /// The name of a `Reason`.
    pub reason: String,
    /// The reporter's words.
    pub note: Option<String>,
    /// The target as it was when it was reported, see `Content`. Absent once its author is erased.
    pub snapshot: Option<Json>,
    /// The name of an `Outcome`; absent while the report is open.
    pub outcome: Option<String>,
    /// The number of the case's resolution that closed the report.
    pub resolution: Option<i64>,
    pub resolved_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
