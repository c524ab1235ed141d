//! The table `pictures`: those that posts have, those that were sent and wait for a post, and avatars. A row lives as long as
//! its files.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;
use shared::ids::UserId;

use crate::domain::ids::{PictureId, PostId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "pictures")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: PictureId,
    /// The random part of the names of all files of the picture, which is its id outside of this service.
    #[sea_orm(unique)]
    pub stem: String,
    pub extension: String,
    pub owner_id: UserId,
    /// The post that has the picture; absent while it waits for one.
    pub post_id: Option<PostId>,
    pub width: i64,
    pub height: i64,
    /// The text for people who do not see the picture.
    pub alt: Option<String>,
    pub created_at: Timestamp,
    /// The time from which the sizes may be made; absent when none are left to make.
    pub sizes_due_at: Option<Timestamp>,
    /// The number of times that making the sizes was begun.
    pub attempts: i64,
    /// True for the avatar of its owner, which no post can have.
    pub is_avatar: bool,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
