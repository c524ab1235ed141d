//! The table `posts`: a copy of posts.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::pictures::Pictures;

use crate::domain::PostId;

/// A post. A tombstone keeps its id and version only, so all other fields may be absent.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "posts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PostId,
    pub version: i64,
    pub deleted: bool,
    pub author_id: Option<UserId>,
    pub title: Option<String>,
    pub content: Option<String>,
    pub image_url: Option<String>,
    /// The pictures in their order; absent when there are none.
    #[serde(default)]
    pub images: Option<Pictures>,
    pub created_at: Option<Timestamp>,
    pub updated_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
