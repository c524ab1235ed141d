//! The SQL statements on the table `personal_blocks`, which holds pairs of a person and somebody whom the person blocks.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
};
use shared::auth::personal_blocks::{ActiveModel, Column, Entity, Model};
use shared::db::insert_rows_returning;
use shared::http::Page;
use shared::ids::UserId;
use shared::work::Tx;

use super::users;
use crate::db::entities::users::Model as User;

/// A side of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The person who blocks.
    Blocker,
    /// The person who is blocked.
    Blocked,
}

/// Begins a block, and returns the stored row. `None` means that it was active already.
pub(crate) async fn activate(tx: &Tx, person: UserId, blocked: UserId) -> Result<Option<Model>, DbErr> {
    let row = ActiveModel { user_id: Set(person), blocked_id: Set(blocked), version: Set(1), deleted: Set(false) };
    let reactivate = OnConflict::columns([Column::UserId, Column::BlockedId])
        .values([(Column::Deleted, false.into()), (Column::Version, Expr::col((Entity, Column::Version)).add(1))])
        .action_and_where(Expr::col((Entity, Column::Deleted)).eq(true))
        .to_owned();
    Ok(insert_rows_returning(tx, vec![row], Some(reactivate)).await?.pop())
}

/// Ends the active blocks that meet a condition, and returns the stored rows.
async fn end_where(tx: &Tx, condition: Condition) -> Result<Vec<Model>, DbErr> {
    Entity::update_many()
        .col_expr(Column::Deleted, Expr::value(true))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(condition.add(Column::Deleted.eq(false)))
        .exec_with_returning(&**tx)
        .await
}

/// Ends a block and returns the stored row. `None` means that it was not active.
pub(crate) async fn end(tx: &Tx, person: UserId, blocked: UserId) -> Result<Option<Model>, DbErr> {
    let pair = Condition::all().add(Column::UserId.eq(person)).add(Column::BlockedId.eq(blocked));
    Ok(end_where(tx, pair).await?.pop())
}

/// Ends up to `limit` blocks in which a person has this role, and returns the stored rows.
pub(crate) async fn end_some(tx: &Tx, role: Role, person: UserId, limit: u64) -> Result<Vec<Model>, DbErr> {
    let (this, other) = match role {
        Role::Blocker => (Column::UserId, Column::BlockedId),
        Role::Blocked => (Column::BlockedId, Column::UserId),
    };
    // Locked in the order of the other people, so that two transactions cannot wait for each other.
    let others: Vec<UserId> = active()
        .filter(this.eq(person))
        .order_by_asc(other)
        .limit(limit)
        .lock_exclusive()
        .select_only()
        .column(other)
        .into_tuple()
        .all(&**tx)
        .await?;
    if others.is_empty() {
        return Ok(Vec::new());
    }
    end_where(tx, Condition::all().add(this.eq(person)).add(other.is_in(others))).await
}

/// Counts the people whom a person blocks.
pub(crate) async fn count(tx: &Tx, person: UserId) -> Result<u64, DbErr> {
    active().filter(Column::UserId.eq(person)).count(&**tx).await
}

/// Returns whether a person blocks another one.
pub(crate) async fn is_active(db: &impl ConnectionTrait, person: UserId, blocked: UserId) -> Result<bool, DbErr> {
    Ok(Entity::find_by_id((person, blocked)).filter(Column::Deleted.eq(false)).count(db).await? > 0)
}

/// Returns whether one of two people blocks the other one.
pub(crate) async fn part(db: &impl ConnectionTrait, one: UserId, other: UserId) -> Result<bool, DbErr> {
    Ok(is_active(db, one, other).await? || is_active(db, other, one).await?)
}

/// Lists the visible people whom a person blocks, newest account first. Somebody who blocks the person too is among
/// them, so that the list does not tell.
pub(crate) async fn list(db: &impl ConnectionTrait, person: UserId, page: &Page) -> Result<Vec<User>, DbErr> {
    let mut query = active()
        .filter(Column::UserId.eq(person))
        .filter(users::is_visible_id((Entity, Column::BlockedId)))
        .order_by_desc(Column::BlockedId)
        .limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(Column::BlockedId.lt(after));
    }
    let ids: Vec<UserId> = query.select_only().column(Column::BlockedId).into_tuple().all(db).await?;
    let mut people = users::find_visible(db, ids.iter().copied()).await?;
    Ok(ids.iter().filter_map(|id| people.remove(id)).collect())
}

/// Reads the blocks by a person in the order of the blocked people, ended ones too, beginning after an id.
pub(crate) async fn page_by(
    db: &impl ConnectionTrait,
    person: UserId,
    after: i64,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let own = Entity::find().filter(Column::UserId.eq(person)).filter(Column::BlockedId.gt(after));
    own.order_by_asc(Column::BlockedId).limit(limit).all(db).await
}

fn active() -> Select<Entity> {
    Entity::find().filter(Column::Deleted.eq(false))
}
