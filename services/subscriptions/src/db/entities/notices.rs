//! The table `notices`: whom a comment or a post concerns. It is derived from the copies of comments and posts, in the
//! transaction that applies these, and holds nothing else.

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;
use shared::ids::UserId;

use crate::domain::ids::PostId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notices")]
pub struct Model {
    /// The post or comment, see `Place`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub place: i64,
    /// The person who is told, see `Recipient`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub recipient: String,
    /// The name of the kind, see `Kind`.
    pub kind: String,
    /// The author of the post or comment.
    pub actor_id: UserId,
    /// The post, or the post of the comment.
    pub post_id: PostId,
    pub created_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
