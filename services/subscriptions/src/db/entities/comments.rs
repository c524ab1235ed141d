//! The table `comments`: a copy of comments. A tombstone keeps its id and version only.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::ids::{UserId, UserIds};

use crate::domain::ids::{CommentId, PostId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Serialize, Deserialize)]
#[sea_orm(table_name = "comments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CommentId,
    pub version: i64,
    pub deleted: bool,
    pub post_id: Option<PostId>,
    /// The author of the post, who is told of the comment.
    pub post_author_id: Option<UserId>,
    pub author_id: Option<UserId>,
    /// The authors of the comments above, who are told of the answer.
    pub answered: Option<UserIds>,
    pub content: Option<String>,
    pub created_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
