//! The table `report_outcomes`: a copy of the reports that people have sent, and of how they ended.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::ids::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "report_outcomes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub version: i64,
    pub reporter_id: UserId,
    /// `post`, `comment` or `user`.
    pub target_kind: String,
    pub target_id: i64,
    /// `acted` or `dismissed`; absent while the report is open.
    pub outcome: Option<String>,
    pub resolved_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
