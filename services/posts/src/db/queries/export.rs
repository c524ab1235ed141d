//! The SQL queries of a person's export: everything of the person that is stored, also what an admin has removed.

use sea_orm::{ColumnTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::db::Reads;
use shared::ids::UserId;

use crate::db::entities::{comments, likes, pictures, posts};

/// Reads posts of a person in the order of their ids, beginning after an id.
pub(crate) async fn page_posts(db: &Reads, user: UserId, after: i64, limit: u64) -> Result<Vec<posts::Model>, DbErr> {
    let own = posts::Entity::find().filter(posts::Column::AuthorId.eq(user)).filter(posts::Column::DeletedAt.is_null());
    own.filter(posts::Column::Id.gt(after)).order_by_asc(posts::Column::Id).limit(limit).all(db).await
}

/// Reads comments of a person in the order of their ids, beginning after an id.
pub(crate) async fn page_comments(
    db: &Reads,
    user: UserId,
    after: i64,
    limit: u64,
) -> Result<Vec<comments::Model>, DbErr> {
    let own = comments::Entity::find()
        .filter(comments::Column::AuthorId.eq(user))
        .filter(comments::Column::DeletedAt.is_null());
    own.filter(comments::Column::Id.gt(after)).order_by_asc(comments::Column::Id).limit(limit).all(db).await
}

/// Reads likes of a person in the order of the posts' ids, beginning after an id. Likes that were taken back are among
/// them.
pub(crate) async fn page_likes(db: &Reads, user: UserId, after: i64, limit: u64) -> Result<Vec<likes::Model>, DbErr> {
    let own = likes::Entity::find().filter(likes::Column::UserId.eq(user)).filter(likes::Column::PostId.gt(after));
    own.order_by_asc(likes::Column::PostId).limit(limit).all(db).await
}

/// Reads pictures of a person in the order of their ids, beginning after an id, whether a post has them or not.
pub(crate) async fn page_pictures(
    db: &Reads,
    user: UserId,
    after: i64,
    limit: u64,
) -> Result<Vec<pictures::Model>, DbErr> {
    let own = pictures::Entity::find().filter(pictures::Column::OwnerId.eq(user));
    own.filter(pictures::Column::Id.gt(after)).order_by_asc(pictures::Column::Id).limit(limit).all(db).await
}

/// Returns whether a post of the person has this picture as its first.
pub(crate) async fn has_picture(db: &Reads, user: UserId, name: &str) -> Result<bool, DbErr> {
    let own = posts::Entity::find().filter(posts::Column::AuthorId.eq(user)).filter(posts::Column::ImageName.eq(name));
    Ok(own.count(db).await? > 0)
}
