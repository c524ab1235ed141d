//! Statements on the columns of accounts that tell when a digest is due. No other service learns of them, so they do not
//! raise the version of the account.

use sea_orm::sea_query::{Expr, LockBehavior, LockType};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::clock::Timestamp;
use shared::ids::UserId;

use crate::db::entities::users::{Column, Entity, Model};

/// Sets the time of the next digest, which tells of notifications from `since` on. `None` ends the digests.
pub(crate) async fn set(
    db: &impl ConnectionTrait,
    user: UserId,
    next: Option<Timestamp>,
    since: Option<Timestamp>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::DigestAt, Expr::value(next))
        .col_expr(Column::DigestSince, Expr::value(since))
        .filter(Column::Id.eq(user.0))
        .exec(db)
        .await
        .map(|_| ())
}

/// Returns whether the digest of anybody is due.
pub(crate) async fn is_any_due(db: &impl ConnectionTrait, now: Timestamp) -> Result<bool, DbErr> {
    Ok(Entity::find().filter(Column::DigestAt.lte(now)).limit(1).count(db).await? > 0)
}

/// Takes the account whose digest has been due for longest, and moves the time of its digest to `until`, so that no
/// other worker takes it before. `None` when none is due.
pub(crate) async fn claim(db: &impl ConnectionTrait, now: Timestamp, until: Timestamp) -> Result<Option<Model>, DbErr> {
    let due = Entity::find()
        .filter(Column::DigestAt.lte(now))
        .order_by_asc(Column::DigestAt)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    let Some(user) = due.one(db).await? else { return Ok(None) };
    set(db, user.user_id(), Some(until), user.digest_since).await?;
    Ok(Some(Model { digest_at: Some(until), ..user }))
}
