//! The table `likes`, which this service owns: pairs of a person and a post. A like that is taken back stays as an
//! inactive row, because its version has to grow with each change (rule R8 of `docs/convergence.md`).

use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;
use shared::ids::UserId;

use crate::domain::ids::PostId;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "likes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: UserId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub post_id: PostId,
    /// The author of the post, which never changes.
    pub post_author_id: UserId,
    pub active: bool,
    pub version: i64,
    pub created_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
