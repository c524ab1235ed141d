//! The SQL statements on the table `users`, the copy of users, and the rule that decides who is visible.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, ExprTrait, IntoColumnRef, Query, SelectStatement, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, QueryTrait,
};
use shared::db::pad_to_power_of_two;
use shared::ids::UserId;

use crate::db::entities::mutes;
use crate::db::entities::users::{Column, Entity, Model};

/// Builds the condition for visible people: known, verified, neither blocked nor erased.
pub(crate) fn visible() -> Condition {
    Condition::all().add(Column::Deleted.eq(false)).add(Column::Blocked.eq(false)).add(Column::Verified.eq(true))
}

/// Builds the subquery that selects the ids of visible people.
pub(crate) fn visible_ids() -> SelectStatement {
    Entity::find().filter(visible()).select_only().column(Column::Id).into_query()
}

/// Builds the condition that the person with the id in this column is visible.
pub(crate) fn is_visible_id(id: impl IntoColumnRef) -> SimpleExpr {
    let person = Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::Id)).equals(id))
        .cond_where(visible())
        .take();
    Expr::exists(person)
}

/// Builds the condition that `listener` hears of the person with the id in this column: the person is visible, and not
/// muted by `listener`.
pub(crate) fn is_heard_by(listener: UserId, id: impl IntoColumnRef + Clone) -> Condition {
    let mute = Query::select()
        .expr(Expr::val(1))
        .from(mutes::Entity)
        .and_where(mutes::Column::UserId.eq(listener))
        .and_where(mutes::Column::Active.eq(true))
        .and_where(Expr::col((mutes::Entity, mutes::Column::MutedId)).equals(id.clone()))
        .take();
    Condition::all().add(is_visible_id(id)).add(Expr::exists(mute).not())
}

/// Returns whether a person is visible.
pub(crate) async fn is_visible(db: &impl ConnectionTrait, id: UserId) -> Result<bool, DbErr> {
    Ok(Entity::find_by_id(id).filter(visible()).count(db).await? > 0)
}

/// Finds the visible people among `ids`, by their ids.
pub(crate) async fn find_visible(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = UserId>,
) -> Result<HashMap<UserId, Model>, DbErr> {
    let rows = Entity::find().filter(Column::Id.is_in(pad_to_power_of_two(ids))).filter(visible()).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}
