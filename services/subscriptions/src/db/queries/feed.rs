//! The SQL queries of the feed: posts of followed authors, newest first.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, DerivePartialModel, EntityTrait, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationDef,
};
use shared::db::pad_to_power_of_two;
use shared::ids::UserId;

use super::subscriptions;
use super::users::{self, visible};
use crate::db::entities::{counts, posts, users as people};
use crate::domain::ids::PostId;

/// A visible post with its author and its counters.
#[derive(Clone, Debug, DerivePartialModel)]
#[sea_orm(entity = "posts::Entity")]
pub(crate) struct VisiblePost {
    #[sea_orm(nested)]
    pub(crate) post: posts::Model,
    #[sea_orm(nested)]
    pub(crate) author: people::Model,
    /// The counters; absent until they have arrived.
    #[sea_orm(nested)]
    pub(crate) counts: Option<counts::Model>,
}

/// Returns whether the copy holds a post of a person, shown or not. A tombstone names no author.
pub(crate) async fn has_posts_of(db: &impl ConnectionTrait, author: UserId) -> Result<bool, DbErr> {
    Ok(posts::Entity::find().filter(posts::Column::AuthorId.eq(author)).one(db).await?.is_some())
}

/// Finds the ids of up to `limit` visible posts by people whom `reader` follows, newest first, all older than `below`
/// if it is given.
pub(crate) async fn find_older_posts(
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
        .filter(C::AuthorId.in_subquery(subscriptions::followed_ids(reader)))
        .filter(users::is_heard_by(reader, (posts::Entity, C::AuthorId)))
        .order_by_desc(C::Id)
        .limit(limit);
    if let Some(below) = below {
        query = query.filter(C::Id.lt(below));
    }
    query.into_tuple().all(db).await
}

/// Finds the visible ones among these posts, in any order.
pub(crate) async fn find_visible_posts(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = PostId>,
) -> Result<Vec<VisiblePost>, DbErr> {
    use posts::{Column as C, Entity};
    let author: RelationDef = Entity::belongs_to(people::Entity).from(C::AuthorId).to(people::Column::Id).into();
    let counted: RelationDef = Entity::belongs_to(counts::Entity).from(C::Id).to(counts::Column::Id).into();
    Entity::find()
        .join(JoinType::InnerJoin, author)
        .join(JoinType::LeftJoin, counted)
        .filter(C::Id.is_in(pad_to_power_of_two(ids)))
        .filter(C::Deleted.eq(false))
        .filter(visible())
        .into_partial_model()
        .all(db)
        .await
}

/// Finds up to `limit` posts older than `below`, newest first and tombstones included, as (id, author, deleted,
/// version): the columns that timelines are built from.
pub(crate) async fn find_timeline_posts(
    db: &impl ConnectionTrait,
    below: PostId,
    limit: u64,
) -> Result<Vec<(PostId, Option<UserId>, bool, i64)>, DbErr> {
    use posts::{Column as C, Entity};
    let rows = Entity::find().select_only().columns([C::Id, C::AuthorId, C::Deleted, C::Version]);
    rows.filter(C::Id.lt(below)).order_by_desc(C::Id).limit(limit).into_tuple().all(db).await
}
