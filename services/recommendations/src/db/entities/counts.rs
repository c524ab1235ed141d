//! The table `post_counts`: a copy of the posts' counters.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::domain::PostId;

/// The counters of a post.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "post_counts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PostId,
    pub version: i64,
    pub like_count: i64,
    pub comment_count: i64,
    pub view_count: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
