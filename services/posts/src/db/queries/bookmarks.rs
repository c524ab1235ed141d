//! The SQL statements on the table `bookmarks`.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use shared::clock::Timestamp;
use shared::db::insert_rows;
use shared::http::Page;
use shared::ids::UserId;
use shared::work::Tx;

use super::posts;
use crate::db::entities::bookmarks::{ActiveModel, Column, Entity, Model};
use crate::domain::ids::PostId;

/// Stores a bookmark. One that is there already keeps its time.
pub(crate) async fn insert(tx: &Tx, person: UserId, post: PostId) -> Result<(), DbErr> {
    let row = ActiveModel { user_id: Set(person), post_id: Set(post), created_at: Set(tx.clock().now()) };
    let keep = OnConflict::columns([Column::UserId, Column::PostId]).do_nothing().to_owned();
    insert_rows(&**tx, vec![row], Some(keep)).await
}

/// Deletes a bookmark. Returns false when there was none.
pub(crate) async fn delete(tx: &Tx, person: UserId, post: PostId) -> Result<bool, DbErr> {
    Ok(Entity::delete_by_id((person, post)).exec(&**tx).await?.rows_affected > 0)
}

/// Deletes all bookmarks of a person, and returns their number.
pub(crate) async fn delete_all(tx: &Tx, person: UserId) -> Result<u64, DbErr> {
    Ok(Entity::delete_many().filter(Column::UserId.eq(person)).exec(&**tx).await?.rows_affected)
}

/// Reads a page of a person's bookmarks on visible posts, newest bookmark first. The key of the page is the bookmark's
/// time in microseconds and its post.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    person: UserId,
    page: &Page<(i64, i64)>,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find()
        .filter(Column::UserId.eq(person))
        .filter(posts::is_shown((Entity, Column::PostId)))
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::PostId)
        .limit(page.fetch());
    if let Some((at, post)) = page.after {
        // The two columns are compared as one pair, so that the index yields the rows without sorting.
        let columns = Expr::tuple([Expr::col(Column::CreatedAt), Expr::col(Column::PostId)]);
        let before = [Expr::value(Timestamp::from_unix_micros(at)), Expr::value(post)];
        query = query.filter(columns.lt(Expr::tuple(before)));
    }
    query.all(db).await
}

/// Reads bookmarks of a person in the order of their posts, beginning after an id.
pub(crate) async fn page(
    db: &impl ConnectionTrait,
    person: UserId,
    after: i64,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let own = Entity::find().filter(Column::UserId.eq(person)).filter(Column::PostId.gt(after));
    own.order_by_asc(Column::PostId).limit(limit).all(db).await
}
