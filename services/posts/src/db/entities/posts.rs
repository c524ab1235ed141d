//! The table `posts`, which this service owns.
//!
//! A row is never deleted. `deleted_at` is the time of the author's deletion, which is final and clears title, content
//! and picture. `removed_at` is the time of an admin's removal, which keeps them so that the post can be restored.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::pictures::Pictures;

use crate::domain::ids::PostId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "posts")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: PostId,
    /// The version of the published state, from 1. Each change adds one.
    pub version: i64,
    pub author_id: UserId,
    /// The title; like the content, it is absent once the author has deleted the post.
    pub title: Option<String>,
    pub content: Option<String>,
    /// The name of the first picture in the media store; absent when the post has none.
    pub image_name: Option<String>,
    /// The pictures as they are published; absent when the post has none, and in a post with a picture from before there
    /// were several, until `actions/make_sizes.rs` has measured it. Empty if that picture's file is lost.
    pub images: Option<Pictures>,
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
