//! Authors.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, OnConflict, SelectStatement};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect, QueryTrait,
};
use shared::auth::CurrentUser;
use shared::db::{Tx, insert_rows, padded};
use shared::ids::UserId;

use crate::db::entities::users::{ActiveModel, Column, Entity};

/// People whose things are shown: known, neither blocked nor erased.
pub(crate) fn visible() -> Condition {
    Condition::all().add(Column::Deleted.eq(false)).add(Column::Blocked.eq(false))
}

/// The ids of these people.
pub(crate) fn visible_ids() -> SelectStatement {
    Entity::find().filter(visible()).select_only().column(Column::Id).into_query()
}

/// People whose things are not shown, written as the index of these few is.
pub(crate) fn hidden() -> Condition {
    let hides = |column| Expr::col((Entity, column));
    Condition::any().add(hides(Column::Deleted)).add(hides(Column::Blocked))
}

/// The ids of these people.
pub(crate) fn hidden_ids() -> SelectStatement {
    Entity::find().filter(hidden()).select_only().column(Column::Id).into_query()
}

/// The usernames of these people, as far as they are visible.
pub(crate) async fn usernames(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = UserId>,
) -> Result<HashMap<UserId, String>, DbErr> {
    let rows = Entity::find().filter(Column::Id.is_in(padded(ids))).filter(visible()).all(db).await?;
    Ok(rows.into_iter().filter_map(|row| Some((row.id, row.username?))).collect())
}

/// Locks a person that was noted until the transaction ends: what is counted per person is then counted by one request at a
/// time. SQLite has one writer anyway.
pub(crate) async fn lock(tx: &Tx, id: UserId) -> Result<(), DbErr> {
    Entity::find_by_id(id).lock_exclusive().one(&**tx).await.map(|_| ())
}

/// Notes bearers' names as version 0, unless auth's states have arrived already: one's own post is readable at once.
/// People are sorted by id.
pub(crate) async fn note(tx: &Tx, people: impl IntoIterator<Item = &CurrentUser>) -> Result<(), DbErr> {
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
