//! Who follows whom: pairs that are switched on and off, never deleted.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::events::{Key, State};
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

/// Known to the replicas of this service only: it is in the memory of each, and no other service consumes it.
impl State for Model {
    const STREAM: &'static str = "subscription";

    fn key(&self) -> Key {
        Key(vec![self.follower_id.0, self.followee_id.0])
    }

    fn version(&self) -> i64 {
        self.version
    }
}
