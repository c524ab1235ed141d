//! The SQL statements on the table `mutes`, which holds pairs of a person and somebody of whom the person hears nothing.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use shared::db::{insert_rows_returning, pad_to_power_of_two};
use shared::http::Page;
use shared::ids::UserId;
use shared::work::Tx;

use super::users;
use crate::db::entities::mutes::{ActiveModel, Column, Entity, Model};
use crate::db::entities::users::Model as User;

/// Activates a mute, which creates it the first time, and returns the stored row. `None` means that it was active
/// already.
pub(crate) async fn activate(tx: &Tx, person: UserId, muted: UserId) -> Result<Option<Model>, DbErr> {
    let row = ActiveModel {
        user_id: Set(person),
        muted_id: Set(muted),
        active: Set(true),
        version: Set(1),
        created_at: Set(tx.clock().now()),
    };
    let reactivate = OnConflict::columns([Column::UserId, Column::MutedId])
        .values([(Column::Active, true.into()), (Column::Version, Expr::col((Entity, Column::Version)).add(1))])
        .action_and_where(Expr::col((Entity, Column::Active)).eq(false))
        .to_owned();
    Ok(insert_rows_returning(tx, vec![row], Some(reactivate)).await?.pop())
}

/// Deactivates a mute and returns the stored row. `None` means that it was not active.
pub(crate) async fn deactivate(tx: &Tx, person: UserId, muted: UserId) -> Result<Option<Model>, DbErr> {
    let mut rows = Entity::update_many()
        .col_expr(Column::Active, Expr::value(false))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::UserId.eq(person))
        .filter(Column::MutedId.eq(muted))
        .filter(Column::Active.eq(true))
        .exec_with_returning(&**tx)
        .await?;
    Ok(rows.pop())
}

/// Deletes all mutes of a person who has left, and returns the rows. They are no part of any other service's copy, so no
/// version has to stay.
pub(crate) async fn delete_all(tx: &Tx, person: UserId) -> Result<Vec<Model>, DbErr> {
    Entity::delete_many().filter(Column::UserId.eq(person)).exec_with_returning(&**tx).await
}

/// Counts the active mutes of a person.
pub(crate) async fn count(tx: &Tx, person: UserId) -> Result<u64, DbErr> {
    active().filter(Column::UserId.eq(person)).count(&**tx).await
}

/// Lists the visible people whom a person mutes, newest account first.
pub(crate) async fn list(db: &impl ConnectionTrait, person: UserId, page: &Page) -> Result<Vec<User>, DbErr> {
    let mut query = active()
        .filter(Column::UserId.eq(person))
        .filter(users::is_visible_id((Entity, Column::MutedId)))
        .filter(users::is_seen_by(person, (Entity, Column::MutedId)))
        .order_by_desc(Column::MutedId)
        .limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(Column::MutedId.lt(after));
    }
    let ids: Vec<UserId> = query.select_only().column(Column::MutedId).into_tuple().all(db).await?;
    let mut people = users::find_visible(db, ids.iter().copied()).await?;
    Ok(ids.iter().filter_map(|id| people.remove(id)).collect())
}

/// Finds the active mutes of these people, as (person, muted person).
pub(crate) async fn find_of_all(db: &impl ConnectionTrait, people: &[i64]) -> Result<Vec<(UserId, UserId)>, DbErr> {
    let pairs = active().filter(Column::UserId.is_in(pad_to_power_of_two(people.iter().copied())));
    pairs.select_only().columns([Column::UserId, Column::MutedId]).into_tuple().all(db).await
}

fn active() -> Select<Entity> {
    Entity::find().filter(Column::Active.eq(true))
}
