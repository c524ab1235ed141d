//! The table `subscriptions`: pairs of follower and followee. Unfollowing deactivates the row instead of deleting it,
//! so that versions keep increasing when somebody follows again.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::ids::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "subscriptions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub follower_id: UserId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub followee_id: UserId,
    pub active: bool,
    pub version: i64,
    pub created_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
