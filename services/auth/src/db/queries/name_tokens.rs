//! The SQL statements on the table `name_tokens`.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, IntoIden, Query, SimpleExpr};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use shared::db::insert_rows;
use shared::text::words::name_tokens;

use crate::db::entities::name_tokens::{ActiveModel, Column, Entity};
use crate::db::entities::users::Model as User;

/// The character after `z`, which comes after all characters of a token.
const AFTER_Z: char = '{';

/// Stores the tokens of a person's names in place of the earlier ones.
pub(crate) async fn replace(db: &impl ConnectionTrait, user: &User) -> Result<(), DbErr> {
    delete(db, user.id).await?;
    let tokens = name_tokens(&user.username, user.first_name.as_deref(), user.last_name.as_deref());
    let rows = tokens.into_iter().map(|token| ActiveModel { token: Set(token), user_id: Set(user.id) });
    insert_rows(db, rows.collect(), None).await
}

/// Deletes the tokens of a person.
pub(crate) async fn delete(db: &impl ConnectionTrait, user: i64) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::UserId.eq(user)).exec(db).await.map(|_| ())
}

/// Finds up to `limit` people of whose tokens one begins with `prefix`, in the order of the first such token, so
/// that the shortest names come first. `after` is the last person of the page before; if this person is not found any
/// more, the list is at its end. `condition` says which people are found at all.
pub(crate) async fn find_people(
    db: &impl ConnectionTrait,
    prefix: &str,
    after: Option<i64>,
    limit: u64,
    condition: SimpleExpr,
) -> Result<Vec<i64>, DbErr> {
    let begins = |table: &sea_orm::sea_query::DynIden| {
        let token = Expr::col((table.clone(), Column::Token));
        token.clone().gte(prefix).and(token.lt(format!("{prefix}{AFTER_Z}")))
    };
    let this = Alias::new("name_tokens").into_iden();
    let earlier = Alias::new("earlier").into_iden();
    // A person with several such tokens is found by the first one.
    let has_earlier = Query::select()
        .expr(Expr::val(1))
        .from_as(Entity, earlier.clone())
        .and_where(begins(&earlier))
        .and_where(Expr::col((earlier.clone(), Column::UserId)).equals((Entity, Column::UserId)))
        .and_where(Expr::col((earlier, Column::Token)).lt(Expr::col((Entity, Column::Token))))
        .take();
    let mut query = Entity::find()
        .filter(begins(&this))
        .filter(Expr::exists(has_earlier).not())
        .filter(condition.clone())
        .order_by_asc(Column::Token)
        .order_by_asc(Column::UserId)
        .limit(limit);
    if let Some(after) = after {
        // Under the same condition, or a cursor would tell the names of people who are hidden.
        let first = Entity::find().filter(begins(&this)).filter(condition).filter(Column::UserId.eq(after));
        let Some(last) = first.order_by_asc(Column::Token).one(db).await? else { return Ok(Vec::new()) };
        let columns = Expr::tuple([Expr::col(Column::Token), Expr::col(Column::UserId)]);
        query = query.filter(columns.gt(Expr::tuple([Expr::value(last.token), Expr::value(last.user_id)])));
    }
    query.select_only().column(Column::UserId).into_tuple().all(db).await
}
