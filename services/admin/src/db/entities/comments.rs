//! The table `comments`: a copy of the fields of comments that decisions need.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "comments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub version: i64,
    pub deleted: bool,
    /// True in the tombstone of a comment that an admin has removed and its author has not deleted, false in the
    /// tombstone of one that its author has deleted. Absent in a tombstone that does not tell, and as long as the
    /// comment exists.
    pub removed: Option<bool>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
