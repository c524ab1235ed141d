//! The feed: posts of the followed, from new to old.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, DerivePartialModel, EntityTrait, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationDef,
};
use shared::db::padded;
use shared::ids::UserId;

use super::subscriptions;
use super::users::{visible, visible_ids};
use crate::db::entities::{counts, posts, users};
use crate::domain::ids::PostId;

/// A post with what is shown beside it.
#[derive(Clone, Debug, DerivePartialModel)]
#[sea_orm(entity = "posts::Entity")]
pub(crate) struct Shown {
    #[sea_orm(nested)]
    pub(crate) post: posts::Model,
    #[sea_orm(nested)]
    pub(crate) author: users::Model,
    /// Absent while the counters have not arrived yet.
    #[sea_orm(nested)]
    pub(crate) counts: Option<counts::Model>,
}

/// The ids of the posts of the followed that are older than `below`, newest first. Visibility is decided now, by the
/// copies as they are.
pub(crate) async fn older(
    db: &impl ConnectionTrait,
    reader: UserId,
    below: Option<PostId>,
    limit: u64,
) -> Result<Vec<PostId>, DbErr> {
    use posts::Column as C;
    let mut query = posts::Entity::find()
        .select_only()
        .column(C::Id)
        .filter(C::Deleted.eq(false))
        .filter(C::AuthorId.in_subquery(subscriptions::followed_by(reader)))
        .filter(C::AuthorId.in_subquery(visible_ids()))
        .order_by_desc(C::Id)
        .limit(limit);
    if let Some(below) = below {
        query = query.filter(C::Id.lt(below));
    }
    query.into_tuple().all(db).await
}

/// Those of these posts that are shown.
pub(crate) async fn shown(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = PostId>,
) -> Result<Vec<Shown>, DbErr> {
    use posts::{Column as C, Entity};
    let author: RelationDef = Entity::belongs_to(users::Entity).from(C::AuthorId).to(users::Column::Id).into();
    let counted: RelationDef = Entity::belongs_to(counts::Entity).from(C::Id).to(counts::Column::Id).into();
    Entity::find()
        .join(JoinType::InnerJoin, author)
        .join(JoinType::LeftJoin, counted)
        .filter(C::Id.is_in(padded(ids)))
        .filter(C::Deleted.eq(false))
        .filter(visible())
        .into_partial_model()
        .all(db)
        .await
}
