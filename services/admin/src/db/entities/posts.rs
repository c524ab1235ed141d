//! The table `posts`: a copy of the fields of posts that decisions, the desk and statistics need.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::pictures::Pictures;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "posts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    pub version: i64,
    pub deleted: bool,
    /// True in the tombstone of a post that an admin has removed and its author has not deleted, false in the tombstone
    /// of one that its author has deleted. Absent in a tombstone that does not tell, and as long as the post exists.
    pub removed: Option<bool>,
    pub created_at: Option<Timestamp>,
    /// Absent in the tombstone of a post that its author has deleted, as is all content.
    pub author_id: Option<UserId>,
    pub title: Option<String>,
    pub content: Option<String>,
    /// The pictures in their order; absent when there are none.
    #[serde(default)]
    pub images: Option<Pictures>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
