//! The SQL queries on the table `posts`, the copy of posts.

use sea_orm::entity::prelude::*;
use sea_orm::{DerivePartialModel, JoinType, QuerySelect, RelationDef};
use shared::clock::Timestamp;
use shared::db::{Reads, pad_to_power_of_two};
use shared::ids::UserId;
use shared::pictures::Pictures;

use crate::db::entities::{counts, posts, users};
use crate::domain::PostId;

/// A visible post with its author's name and its counters.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "posts::Entity")]
pub(crate) struct VisiblePost {
    pub(crate) id: PostId,
    pub(crate) title: String,
    pub(crate) content: String,
    pub(crate) image_url: Option<String>,
    pub(crate) images: Option<Pictures>,
    pub(crate) author_id: UserId,
    #[sea_orm(from_expr = "Expr::col((users::Entity, users::Column::Username))")]
    pub(crate) username: String,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    /// The counters; absent until they have arrived.
    #[sea_orm(nested)]
    pub(crate) counts: Option<counts::Model>,
}

/// Finds the visible posts among `ids`, in any order: not deleted, and by an author whose name is known and who is
/// neither blocked nor erased.
pub(crate) async fn find_visible(db: &Reads, ids: impl IntoIterator<Item = PostId>) -> Result<Vec<VisiblePost>, DbErr> {
    use posts::{Column as C, Entity};
    let author: RelationDef = Entity::belongs_to(users::Entity).from(C::AuthorId).to(users::Column::Id).into();
    let counted: RelationDef = Entity::belongs_to(counts::Entity).from(C::Id).to(counts::Column::Id).into();
    Entity::find()
        .join(JoinType::InnerJoin, author)
        .join(JoinType::LeftJoin, counted)
        .filter(C::Id.is_in(pad_to_power_of_two(ids)))
        .filter(C::Deleted.eq(false))
        .filter(users::Column::Deleted.eq(false))
        .filter(users::Column::Blocked.eq(false))
        .filter(users::Column::Username.is_not_null())
        .into_partial_model()
        .all(db)
        .await
}
