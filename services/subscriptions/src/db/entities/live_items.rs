//! The table `live_items`: what open streams tell people of, in the order in which it was stored. Rows are deleted after
//! a day, and before that if there are too many.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::ids::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "live_items")]
pub struct Model {
    /// The number in the order of all items.
    #[sea_orm(primary_key, auto_increment = false)]
    pub seq: i64,
    /// The person who is told, see `Recipient`; empty for a post, of which the followers of its author are told.
    pub recipient: String,
    /// The thing, see `Place`.
    pub place: i64,
    /// The person who caused it.
    pub actor_id: UserId,
    /// The time of the thing.
    pub created_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
