//! The SQL statements on the table `likes`, which holds pairs of a person and a post. A like is active, or taken back.
//!
//! Both [`like`] and [`unlike`] write many pairs with one statement, in the order of the pairs: transactions that lock
//! the same rows in different orders can wait for each other.

use sea_orm::sea_query::{Expr, ExprTrait, IntoIden, OnConflict, Query, SelectStatement, TableRef};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, Iterable,
    QueryFilter, QueryOrder, QuerySelect,
};
use shared::db::{insert_rows_returning, select_given_rows};
use shared::http::Page;
use shared::ids::UserId;
use shared::work::Tx;

use super::users;
use crate::db::entities::likes::{ActiveModel, Column, Entity, Model};
use crate::domain::ids::PostId;

/// A like that is about to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NewLike {
    pub(crate) user: UserId,
    pub(crate) post: PostId,
    pub(crate) post_author: UserId,
}

/// Makes likes active. `likes` holds each pair of person and post at most once. Returns the new form of the rows that were
/// not active or did not exist. Likes that were active already do not change, so nothing is published about them.
pub(crate) async fn like(tx: &Tx, mut likes: Vec<NewLike>) -> Result<Vec<Model>, DbErr> {
    likes.sort_unstable();
    let rows = likes.into_iter().map(|like| ActiveModel {
        user_id: Set(like.user),
        post_id: Set(like.post),
        post_author_id: Set(like.post_author),
        active: Set(true),
        version: Set(1),
        created_at: Set(tx.clock().now()),
    });
    let switch_on_again = OnConflict::columns([Column::UserId, Column::PostId])
        .values([(Column::Active, true.into()), (Column::Version, Expr::col((Entity, Column::Version)).add(1))])
        .action_and_where(Expr::col((Entity, Column::Active)).eq(false))
        .to_owned();
    insert_rows_returning(tx, rows.collect(), Some(switch_on_again)).await
}

/// Takes likes back. `pairs` holds each pair at most once. Returns the new form of the rows that were active.
pub(crate) async fn unlike(tx: &Tx, mut pairs: Vec<(UserId, PostId)>) -> Result<Vec<Model>, DbErr> {
    if pairs.is_empty() {
        return Ok(Vec::new());
    }
    pairs.sort_unstable();
    let rows = pairs.into_iter().map(|(user, post)| ActiveModel {
        user_id: Set(user),
        post_id: Set(post),
        ..ActiveModel::default()
    });
    let pairs = "pairs".into_iden();
    let same = |column: Column| Expr::col((Entity, column)).equals((pairs.clone(), column));
    let mut switch_off = Query::update();
    switch_off
        .table(Entity)
        .from(TableRef::SubQuery(Box::new(select_given_rows(&**tx, rows)?), pairs.clone()))
        .value(Column::Active, false)
        .value(Column::Version, Expr::col((Entity, Column::Version)).add(1))
        .and_where(same(Column::UserId))
        .and_where(same(Column::PostId))
        .and_where(Expr::col((Entity, Column::Active)))
        .returning(Query::returning().columns(Column::iter().map(|column| (Entity, column))));
    Model::find_by_statement(tx.get_database_backend().build(&switch_off)).all(&**tx).await
}

/// The condition for a like that `like_count` counts: it is active, and its person is not in `hidden`, a subquery of
/// user ids.
pub(crate) fn counted_without(hidden: SelectStatement) -> Condition {
    Condition::all().add(Column::Active.eq(true)).add(Column::UserId.not_in_subquery(hidden))
}

/// Reads a page of the visible people who like a post, newest account first, as ids with usernames.
pub(crate) async fn list_people(
    db: &impl ConnectionTrait,
    post: PostId,
    page: &Page,
) -> Result<Vec<(UserId, String)>, DbErr> {
    let mut query = Entity::find()
        .filter(Column::PostId.eq(post))
        .filter(Column::Active.eq(true))
        .filter(Column::UserId.in_subquery(users::visible_ids()))
        .order_by_desc(Column::UserId)
        .limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(Column::UserId.lt(after));
    }
    let rows = query.all(db).await?;
    let names = users::visible_usernames(db, rows.iter().map(|row| row.user_id)).await?;
    Ok(rows.into_iter().filter_map(|row| names.get(&row.user_id).map(|name| (row.user_id, name.clone()))).collect())
}

/// Returns those of `posts` that a person likes, in the order of their ids. Posts that are not visible are included.
pub(crate) async fn liked_posts(
    db: &impl ConnectionTrait,
    user: UserId,
    posts: &[PostId],
) -> Result<Vec<PostId>, DbErr> {
    let query = Entity::find()
        .filter(Column::UserId.eq(user))
        .filter(Column::PostId.is_in(posts.iter().copied()))
        .filter(Column::Active.eq(true))
        .order_by_asc(Column::PostId)
        .select_only()
        .column(Column::PostId);
    query.into_tuple().all(db).await
}
