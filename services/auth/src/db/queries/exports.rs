//! Statements on the archives that people have asked for.

use std::time::Duration;

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::clock::Timestamp;
use shared::ids::UserId;

use crate::db::entities::exports::{ActiveModel, Column, Entity, Model};

/// The time for which a request or a finished archive is kept.
const KEPT_FOR: Duration = Duration::from_secs(24 * 3_600);

/// Finds the archive of a person, finished or not, unless it has expired.
pub(crate) async fn find(db: &impl ConnectionTrait, user: UserId, now: Timestamp) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(user.0).filter(Column::ExpiresAt.gt(now)).one(db).await
}

/// Stores that a person asks for an archive, in the place of one that has expired. Returns false when the person has an
/// archive that has not expired.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    user: UserId,
    name: String,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let row = ActiveModel {
        user_id: Set(user.0),
        name: Set(name),
        requested_at: Set(now),
        claimed_until: Set(now),
        step: Set(None),
        ready_at: Set(None),
        expires_at: Set(now + KEPT_FOR),
    };
    let replace_expired = OnConflict::column(Column::UserId)
        .update_columns([
            Column::Name,
            Column::RequestedAt,
            Column::ClaimedUntil,
            Column::Step,
            Column::ReadyAt,
            Column::ExpiresAt,
        ])
        .action_and_where(Expr::col((Entity, Column::ExpiresAt)).lte(now))
        .to_owned();
    Ok(Entity::insert(row).on_conflict(replace_expired).exec_without_returning(db).await? == 1)
}

/// Claims the oldest archive that waits to be made, until a time. Of several replicas at the same moment, exactly one
/// gets it.
pub(crate) async fn claim(db: &impl ConnectionTrait, now: Timestamp, until: Timestamp) -> Result<Option<Model>, DbErr> {
    let waiting = Entity::find().filter(Column::ReadyAt.is_null()).filter(Column::ClaimedUntil.lte(now));
    let waiting = waiting.filter(Column::ExpiresAt.gt(now)).order_by_asc(Column::RequestedAt).limit(1).one(db).await?;
    let Some(waiting) = waiting else { return Ok(None) };
    let claimed = Entity::update_many()
        .col_expr(Column::ClaimedUntil, Expr::value(until))
        .filter(Column::UserId.eq(waiting.user_id))
        .filter(Column::Name.eq(&waiting.name))
        .filter(Column::ReadyAt.is_null())
        .filter(Column::ClaimedUntil.lte(now))
        .exec(db)
        .await?;
    Ok((claimed.rows_affected == 1).then_some(Model { claimed_until: until, ..waiting }))
}

/// Keeps a claim until a time, and records the service whose data is collected now. Returns false when the archive is not
/// wanted any more, because its person has left or has deleted it, or when another replica has claimed it.
pub(crate) async fn renew(
    db: &impl ConnectionTrait,
    export: &Model,
    step: Option<String>,
    until: Timestamp,
) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::Step, Expr::value(step))
        .col_expr(Column::ClaimedUntil, Expr::value(until));
    Ok(update.filter(is_claimed(export)).exec(db).await?.rows_affected == 1)
}

/// Records that an archive is finished. Returns false as [`renew`] does.
pub(crate) async fn mark_ready(db: &impl ConnectionTrait, export: &Model, now: Timestamp) -> Result<bool, DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::ReadyAt, Expr::value(Some(now)))
        .col_expr(Column::ExpiresAt, Expr::value(now + KEPT_FOR));
    Ok(update.filter(is_claimed(export)).exec(db).await?.rows_affected == 1)
}

/// The archive still has the claim that its replica has set.
fn is_claimed(export: &Model) -> Condition {
    Condition::all()
        .add(Column::UserId.eq(export.user_id))
        .add(Column::Name.eq(&export.name))
        .add(Column::ClaimedUntil.eq(export.claimed_until))
}

/// Deletes the archive of a person. Returns false when there is none.
pub(crate) async fn delete_of(db: &impl ConnectionTrait, user: UserId) -> Result<bool, DbErr> {
    Ok(Entity::delete_by_id(user.0).exec(db).await?.rows_affected == 1)
}

/// Deletes the archives whose time is over.
pub(crate) async fn delete_expired(db: &impl ConnectionTrait, now: Timestamp) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::ExpiresAt.lte(now)).exec(db).await.map(|_| ())
}

/// Lists all archives, finished or not. There are few: each lives for a day.
pub(crate) async fn list(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().all(db).await
}
