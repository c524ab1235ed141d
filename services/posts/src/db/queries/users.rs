//! The SQL statements on the table `users`, the copy of users, and the condition that says who is visible.
//!
//! Visibility is decided when something is read (rule R9 of `docs/convergence.md`), so a block changes no post and no
//! comment, and an unblock restores them exactly.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, ExprTrait, IntoColumnRef, OnConflict, Query, SelectStatement, SimpleExpr};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
};
use shared::auth::CurrentUser;
use shared::db::{insert_rows, pad_to_power_of_two};
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::entities::users::{ActiveModel, Column, Entity};

/// The condition for a visible person: known here, and neither blocked nor erased.
pub(crate) fn visible() -> Condition {
    Condition::all().add(Column::Deleted.eq(false)).add(Column::Blocked.eq(false))
}

/// The ids of all visible people, as a subquery.
pub(crate) fn visible_ids() -> SelectStatement {
    Entity::find().filter(visible()).select_only().column(Column::Id).into_query()
}

/// The condition that the person with the id in this column is visible.
pub(crate) fn is_visible_id(id: impl IntoColumnRef) -> SimpleExpr {
    let person = Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(Expr::col((Entity, Column::Id)).equals(id))
        .cond_where(visible())
        .take();
    Expr::exists(person)
}

/// The condition for a hidden person: blocked or erased. The condition has the same form as that of the partial index
/// on hidden people, so that the planner uses this index.
pub(crate) fn hidden() -> Condition {
    let is_true = |column| Expr::col((Entity, column));
    Condition::any().add(is_true(Column::Deleted)).add(is_true(Column::Blocked))
}

/// The ids of all hidden people, as a subquery.
pub(crate) fn hidden_ids() -> SelectStatement {
    Entity::find().filter(hidden()).select_only().column(Column::Id).into_query()
}

/// Reads the usernames of the visible people among `ids`, by their ids.
pub(crate) async fn visible_usernames(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = UserId>,
) -> Result<HashMap<UserId, String>, DbErr> {
    let rows = Entity::find().filter(Column::Id.is_in(pad_to_power_of_two(ids))).filter(visible()).all(db).await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.id, row.username?))).collect())
}

/// Locks the row of a person until the transaction ends, so that a limit per person is checked and used up by one
/// request at a time. The row must exist, because without it nothing is locked. On SQLite the transaction is the only
/// writer, so that no lock is needed.
pub(crate) async fn lock(tx: &Tx, id: UserId) -> Result<(), DbErr> {
    Entity::find_by_id(id).lock_exclusive().one(&**tx).await.map(|_| ())
}

/// Inserts the people who are not known yet as version 0, with the names in their access tokens, so that their new
/// posts and comments are visible at once. Auth's states replace these rows when they arrive. `people` must be sorted
/// by id, because transactions that insert rows in different orders can wait for each other.
pub(crate) async fn insert_if_unknown(tx: &Tx, people: impl IntoIterator<Item = &CurrentUser>) -> Result<(), DbErr> {
    let rows = people.into_iter().map(|user| ActiveModel {
        id: Set(user.id),
        version: Set(0),
        deleted: Set(false),
        username: Set(Some(user.username.clone())),
        blocked: Set(false),
        session_version: Set(0),
    });
    let keep = OnConflict::column(Column::Id).do_nothing().to_owned();
    insert_rows(&**tx, rows.collect(), Some(keep)).await
}
