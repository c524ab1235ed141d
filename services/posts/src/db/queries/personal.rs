//! The SQL statements that erase everything of one person, a page at a time.

use sea_orm::sea_query::{Expr, ExprTrait, Value};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::entities::{comments, likes, posts};
use crate::domain::ids::{CommentId, PostId};

/// The most rows that one statement erases.
const PAGE: u64 = 200;

/// Finds posts of a person that the person has not deleted, in the order of their ids. Posts that an admin has removed are among them. The rows stay locked until the transaction ends.
pub(crate) async fn lock_posts(tx: &Tx, author: UserId) -> Result<Vec<posts::Model>, DbErr> {
    let rows = posts::Entity::find()
        .filter(posts::Column::AuthorId.eq(author))
        .filter(posts::Column::DeletedAt.is_null())
        .order_by_asc(posts::Column::Id)
        .limit(PAGE)
        .lock_exclusive();
    rows.all(&**tx).await
}

/// Deletes these posts for good, as their author can, and returns the rows.
pub(crate) async fn erase_posts(tx: &Tx, ids: impl Iterator<Item = PostId>) -> Result<Vec<posts::Model>, DbErr> {
    let nothing = Expr::value(Option::<String>::None);
    posts::Entity::update_many()
        .col_expr(posts::Column::Version, Expr::col(posts::Column::Version).add(1))
        .col_expr(posts::Column::DeletedAt, Expr::value(tx.clock().now()))
        .col_expr(posts::Column::Title, nothing.clone())
        .col_expr(posts::Column::Content, nothing.clone())
        .col_expr(posts::Column::ImageName, nothing)
        .col_expr(posts::Column::Images, Expr::value(Value::Json(None)))
        .filter(posts::Column::Id.is_in(ids))
        .exec_with_returning(&**tx)
        .await
}

/// Deletes comments of a person for good, and returns the rows.
pub(crate) async fn erase_comments(tx: &Tx, author: UserId) -> Result<Vec<comments::Model>, DbErr> {
    let ids: Vec<CommentId> = comments::Entity::find()
        .select_only()
        .column(comments::Column::Id)
        .filter(comments::Column::AuthorId.eq(author))
        .filter(comments::Column::DeletedAt.is_null())
        .order_by_asc(comments::Column::Id)
        .limit(PAGE)
        .lock_exclusive()
        .into_tuple()
        .all(&**tx)
        .await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    comments::Entity::update_many()
        .col_expr(comments::Column::Version, Expr::col(comments::Column::Version).add(1))
        .col_expr(comments::Column::DeletedAt, Expr::value(tx.clock().now()))
        .col_expr(comments::Column::Content, Expr::value(Option::<String>::None))
        .filter(comments::Column::Id.is_in(ids))
        .exec_with_returning(&**tx)
        .await
}

/// Finds likes of a person that are active, in the order of their posts.
pub(crate) async fn list_likes(tx: &Tx, user: UserId) -> Result<Vec<(UserId, PostId)>, DbErr> {
    likes::Entity::find()
        .select_only()
        .columns([likes::Column::UserId, likes::Column::PostId])
        .filter(likes::Column::UserId.eq(user))
        .filter(likes::Column::Active.eq(true))
        .order_by_asc(likes::Column::PostId)
        .limit(PAGE)
        .into_tuple()
        .all(&**tx)
        .await
}
