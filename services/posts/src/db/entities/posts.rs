//! Posts, as their owner keeps them.
//!
//! A row is never deleted. `deleted_at` is the author's final deletion and clears title, content and picture;
//! `removed_at` is an admin's decision and keeps them, so that the post can be restored.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;
use shared::ids::UserId;

use crate::domain::ids::PostId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "posts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: PostId,
    /// The version of the published state, from 1. Each change adds one.
    pub version: i64,
    pub author_id: UserId,
    /// Absent, as the content, once the author has deleted the post.
    pub title: Option<String>,
    pub content: Option<String>,
    /// The name of the picture in the media store.
    pub image_name: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub deleted_at: Option<Timestamp>,
    pub removed_at: Option<Timestamp>,
    /// The version of the last moderation decision that was applied; 0 when there was none.
    pub decision_version: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
