//! The table `comments`: a copy of the fields of comments that decisions and the desk need.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::ids::UserId;

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
    /// Absent in the tombstone of a comment that its author has deleted, as is all content.
    pub post_id: Option<i64>,
    pub author_id: Option<UserId>,
    pub content: Option<String>,
    pub created_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
