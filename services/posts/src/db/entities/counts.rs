//! The table `post_counts`, which this service owns: the counters of posts. They have versions and messages of their
//! own, so that a like does not publish the post again. `db::queries::counts` says what they count.

use sea_orm::entity::prelude::*;

use crate::domain::ids::PostId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "post_counts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub post_id: PostId,
    pub version: i64,
    pub like_count: i64,
    pub comment_count: i64,
    pub view_count: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
