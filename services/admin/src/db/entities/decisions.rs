//! The table `decisions`: the last decision about each target, with versions of its own. Targets that no admin ever
//! decided about have no row.

use sea_orm::FromJsonQueryResult;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::ids::UserId;

use crate::domain::warning::Warning;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "decisions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub target_id: i64,
    pub version: i64,
    pub hidden: bool,
    pub reason: Option<String>,
    pub actor_id: UserId,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The time at which a block ends; absent without an end, and of posts and comments.
    pub hidden_until: Option<Timestamp>,
    /// The version by which `hidden` or its end last changed; absent in rows that are older than this column.
    pub hidden_version: Option<i64>,
    /// The warnings of a person, oldest first; absent without any.
    pub warnings: Option<Warnings>,
}

/// Warnings, as an array in JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
#[serde(transparent)]
pub struct Warnings(pub(crate) Vec<Warning>);

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
