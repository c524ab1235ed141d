//! The SQL queries of what a person has written or liked, visible or not.

use sea_orm::{
    ColumnTrait, ConnectionTrait, DbErr, DerivePartialModel, EntityTrait, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationDef, Select,
};
use shared::http::Page;
use shared::ids::UserId;

use crate::db::entities::{comments, counts, likes, posts};
use crate::domain::ids::PostId;

/// A post with its counters, visible or not.
#[derive(Clone, Debug, DerivePartialModel)]
#[sea_orm(entity = "posts::Entity")]
pub(crate) struct OwnPost {
    #[sea_orm(nested)]
    pub(crate) post: posts::Model,
    #[sea_orm(nested)]
    pub(crate) counts: counts::Model,
}

/// Selects the posts of a person that the person has not deleted.
fn select_posts(person: UserId) -> Select<posts::Entity> {
    use posts::{Column as C, Entity};
    let counters: RelationDef = Entity::belongs_to(counts::Entity).from(C::Id).to(counts::Column::PostId).into();
    Entity::find().join(JoinType::InnerJoin, counters).filter(C::AuthorId.eq(person)).filter(C::DeletedAt.is_null())
}

/// Reads a post of a person; `None` if the person has no such post.
pub(crate) async fn find_post(db: &impl ConnectionTrait, person: UserId, id: PostId) -> Result<Option<OwnPost>, DbErr> {
    select_posts(person).filter(posts::Column::Id.eq(id)).into_partial_model().one(db).await
}

/// Reads a page of a person's posts, newest first.
pub(crate) async fn list_posts(db: &impl ConnectionTrait, person: UserId, page: &Page) -> Result<Vec<OwnPost>, DbErr> {
    let mut query = select_posts(person).order_by_desc(posts::Column::Id).limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(posts::Column::Id.lt(after));
    }
    query.into_partial_model().all(db).await
}

/// Reads a page of a person's comments, newest first.
pub(crate) async fn list_comments(
    db: &impl ConnectionTrait,
    person: UserId,
    page: &Page,
) -> Result<Vec<comments::Model>, DbErr> {
    use comments::{Column as C, Entity};
    let mut query = Entity::find()
        .filter(C::AuthorId.eq(person))
        .filter(C::DeletedAt.is_null())
        .order_by_desc(C::Id)
        .limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(C::Id.lt(after));
    }
    query.all(db).await
}

/// Reads a page of a person's likes, newest post first.
pub(crate) async fn list_likes(
    db: &impl ConnectionTrait,
    person: UserId,
    page: &Page,
) -> Result<Vec<likes::Model>, DbErr> {
    use likes::{Column as C, Entity};
    let mut query = Entity::find()
        .filter(C::UserId.eq(person))
        .filter(C::Active.eq(true))
        .order_by_desc(C::PostId)
        .limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(C::PostId.lt(after));
    }
    query.all(db).await
}
