//! Comments, as their owner keeps them.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;
use shared::ids::UserId;

use crate::domain::ids::{CommentId, PostId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "comments")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: CommentId,
    pub version: i64,
    pub post_id: PostId,
    pub author_id: UserId,
    pub content: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
    pub removed_at: Option<Timestamp>,
    pub decision_version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
