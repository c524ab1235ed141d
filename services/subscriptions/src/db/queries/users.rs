//! The SQL statements on the table `users`, the copy of users, and the rule that decides who is visible.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, ExprTrait, IntoColumnRef, Query, SelectStatement, SimpleExpr};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait,
};
use shared::auth::personal_blocks;
use shared::db::pad_to_power_of_two;
use shared::ids::UserId;
use shared::work::Tx;

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

/// Builds the condition that no block is between `reader` and the person with the id in this column. Each direction is
/// one look-up by the key of the table.
pub(crate) fn is_seen_by(reader: UserId, id: impl IntoColumnRef + Clone) -> Condition {
    use personal_blocks::{Column, Entity};
    let block = |known: Column, other: Column| {
        let block = Query::select()
            .expr(Expr::val(1))
            .from(Entity)
            .and_where(known.eq(reader))
            .and_where(Expr::col((Entity, other)).equals(id.clone()))
            .and_where(Expr::col((Entity, Column::Deleted)).eq(false))
            .take();
        Expr::exists(block).not()
    };
    Condition::all().add(block(Column::UserId, Column::BlockedId)).add(block(Column::BlockedId, Column::UserId))
}

/// Builds the condition that `listener` hears of the person with the id in this column: the person is visible, not muted
/// by `listener`, and neither of the two blocks the other.
pub(crate) fn is_heard_by(listener: UserId, id: impl IntoColumnRef + Clone) -> Condition {
    let mute = Query::select()
        .expr(Expr::val(1))
        .from(mutes::Entity)
        .and_where(mutes::Column::UserId.eq(listener))
        .and_where(mutes::Column::Active.eq(true))
        .and_where(Expr::col((mutes::Entity, mutes::Column::MutedId)).equals(id.clone()))
        .take();
    Condition::all().add(is_visible_id(id.clone())).add(Expr::exists(mute).not()).add(is_seen_by(listener, id))
}

/// Returns whether a person is visible.
pub(crate) async fn is_visible(db: &impl ConnectionTrait, id: UserId) -> Result<bool, DbErr> {
    Ok(Entity::find_by_id(id).filter(visible()).count(db).await? > 0)
}

/// Locks the row of a person until the transaction ends, and returns whether the person is visible. Others may hold the
/// same lock, but [`lock_both`] waits for it.
pub(crate) async fn lock_visible(tx: &Tx, id: UserId) -> Result<bool, DbErr> {
    Ok(Entity::find_by_id(id).filter(visible()).lock_shared().one(&**tx).await?.is_some())
}

/// Locks the rows of two people until the transaction ends. Nobody can follow a person whose row is missing, so that
/// there is nothing to be kept away by its lock.
pub(crate) async fn lock_both(tx: &Tx, one: UserId, other: UserId) -> Result<(), DbErr> {
    // In the order of the ids, so that two transactions cannot wait for each other.
    let rows = Entity::find().filter(Column::Id.is_in([one, other])).order_by_asc(Column::Id).lock_exclusive();
    rows.all(&**tx).await.map(|_| ())
}

/// Finds the visible people among `ids`, by their ids.
pub(crate) async fn find_visible(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = UserId>,
) -> Result<HashMap<UserId, Model>, DbErr> {
    let rows = Entity::find().filter(Column::Id.is_in(pad_to_power_of_two(ids))).filter(visible()).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}
