//! The table `likes`: a copy of all likes, from which the like matrix is filled.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use shared::ids::UserId;

use crate::domain::PostId;

/// A like of a post by a person. A withdrawn like is `deleted` and keeps its version.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "likes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub post_id: PostId,
    pub version: i64,
    pub deleted: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
