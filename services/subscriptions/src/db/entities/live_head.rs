//! The table `live_head`, of one row: the last number that an item of `live_items` was given. The transaction that gives
//! numbers holds this row until its commit, so that numbers become visible in their order.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "live_head")]
pub struct Model {
    /// Always 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// The last number.
    pub seq: i64,
    /// The items up to this number may have been deleted.
    pub trimmed_to: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
