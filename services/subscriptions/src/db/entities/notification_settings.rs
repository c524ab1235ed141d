//! The table `notification_settings`: the marker of each person, and the kinds of notifications that a person does not
//! want.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;
use shared::ids::UserId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notification_settings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    /// Everything up to this time has been read; absent before the first reading.
    pub read_up_to: Option<Timestamp>,
    /// The names of the muted kinds, as an array.
    pub muted_kinds: Json,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
