//! Likes.

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait, IntoIden, OnConflict, Query, SelectStatement, TableRef};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, Iterable,
    QueryFilter, QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};
use shared::db::{Reads, Tx, given_rows, insert_rows_returning};
use shared::events::{Key, Source, State};
use shared::http::Page;
use shared::ids::UserId;

use super::users;
use crate::db::entities::likes::{ActiveModel, Column, Entity, Model};
use crate::domain::ids::PostId;

/// Switches likes on, a pair at most once. Answers those that were not on already.
pub(crate) async fn like(tx: &Tx, mut pairs: Vec<(UserId, PostId)>) -> Result<Vec<Model>, DbErr> {
    pairs.sort_unstable();
    let rows = pairs.into_iter().map(|(user, post)| ActiveModel {
        user_id: Set(user),
        post_id: Set(post),
        active: Set(true),
        version: Set(1),
        created_at: Set(tx.clock().now()),
    });
    let again = OnConflict::columns([Column::UserId, Column::PostId])
        .values([(Column::Active, true.into()), (Column::Version, Expr::col((Entity, Column::Version)).add(1))])
        .action_and_where(Expr::col((Entity, Column::Active)).eq(false))
        .to_owned();
    insert_rows_returning(tx, rows.collect(), Some(again)).await
}

/// Switches likes off, a pair at most once. Answers those that were on.
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
        .from(TableRef::SubQuery(Box::new(given_rows(&**tx, rows)?), pairs.clone()))
        .value(Column::Active, false)
        .value(Column::Version, Expr::col((Entity, Column::Version)).add(1))
        .and_where(same(Column::UserId))
        .and_where(same(Column::PostId))
        .and_where(Expr::col((Entity, Column::Active)))
        .returning(Query::returning().columns(Column::iter().map(|column| (Entity, column))));
    Model::find_by_statement(tx.get_database_backend().build(&switch_off)).all(&**tx).await
}

/// Likes that count: those that are on, but for those of these hidden people.
pub(crate) fn counted(hidden: SelectStatement) -> Condition {
    Condition::all().add(Column::Active.eq(true)).add(Column::UserId.not_in_subquery(hidden))
}

/// A page of the visible people who like a post, newest account first.
pub(crate) async fn likers(
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
    let names = users::usernames(db, rows.iter().map(|row| row.user_id)).await?;
    Ok(rows.into_iter().filter_map(|row| names.get(&row.user_id).map(|name| (row.user_id, name.clone()))).collect())
}

/// Which of these posts somebody likes.
pub(crate) async fn liked(db: &impl ConnectionTrait, user: UserId, posts: &[PostId]) -> Result<Vec<PostId>, DbErr> {
    let query = Entity::find()
        .filter(Column::UserId.eq(user))
        .filter(Column::PostId.is_in(posts.iter().copied()))
        .filter(Column::Active.eq(true))
        .order_by_asc(Column::PostId)
        .select_only()
        .column(Column::PostId);
    query.into_tuple().all(db).await
}

/// A like as it is published; `deleted` means that it is off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LikeState {
    user_id: UserId,
    post_id: PostId,
    version: i64,
    deleted: bool,
}

impl State for LikeState {
    const STREAM: &'static str = "like";

    fn key(&self) -> Key {
        Key(vec![self.user_id.0, self.post_id.0])
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for LikeState {
    fn from(row: Model) -> Self {
        Self { user_id: row.user_id, post_id: row.post_id, version: row.version, deleted: !row.active }
    }
}

/// The stream `like`.
pub(crate) struct Likes;

#[async_trait]
impl Source for Likes {
    type State = LikeState;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<LikeState>, DbErr> {
        let mut query = Entity::find().order_by_asc(Column::UserId).order_by_asc(Column::PostId).limit(limit);
        if let Some(after) = after {
            let columns = Expr::tuple([Expr::col(Column::UserId), Expr::col(Column::PostId)]);
            query = query.filter(columns.gt(Expr::tuple([Expr::value(after.first()), Expr::value(after.second())])));
        }
        Ok(query.all(db).await?.into_iter().map(Into::into).collect())
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<LikeState>, DbErr> {
        let any = keys.iter().fold(Condition::any(), |any, key| {
            any.add(Condition::all().add(Column::UserId.eq(key.first())).add(Column::PostId.eq(key.second())))
        });
        Ok(Entity::find().filter(any).all(db).await?.into_iter().map(Into::into).collect())
    }
}
