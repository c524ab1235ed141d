//! Statements on invitations.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use shared::clock::Timestamp;
use shared::ids::UserId;

use crate::db::entities::invitations::{ActiveModel, Column, Entity, Model};
use crate::domain::InvitationId;
use crate::domain::joining::INVITATION_WITHIN;
use crate::domain::link::VERIFY_WITHIN;

/// Stores a new invitation of a person.
pub(crate) async fn insert(
    db: &impl ConnectionTrait,
    user: UserId,
    code_hash: String,
    note: String,
    now: Timestamp,
) -> Result<Model, DbErr> {
    let row = ActiveModel {
        id: NotSet,
        user_id: Set(user.0),
        code_hash: Set(code_hash),
        note: Set(note),
        created_at: Set(now),
        expires_at: Set(now + INVITATION_WITHIN),
        held_until: Set(None),
        guest_id: Set(None),
        used_at: Set(None),
    };
    Entity::insert(row).exec_with_returning(db).await
}

/// Lists the newest invitations of a person.
pub(crate) async fn list_of(db: &impl ConnectionTrait, user: UserId, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::UserId.eq(user.0)).order_by_desc(Column::Id).limit(limit).all(db).await
}

/// Counts the invitations of a person that were used, or can be used.
pub(crate) async fn count_of(db: &impl ConnectionTrait, user: UserId, now: Timestamp) -> Result<u64, DbErr> {
    let counts = Condition::any().add(Column::UsedAt.is_not_null()).add(Column::ExpiresAt.gt(now));
    Entity::find().filter(Column::UserId.eq(user.0)).filter(counts).count(db).await
}

/// Deletes an invitation of a person. Returns false when the person has no such invitation, or it was used, or a
/// registration holds it: otherwise one invitation after the other could be handed out and withdrawn.
pub(crate) async fn delete_own(
    db: &impl ConnectionTrait,
    id: InvitationId,
    user: UserId,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let own = Entity::delete_by_id(id.0).filter(Column::UserId.eq(user.0)).filter(Column::UsedAt.is_null());
    Ok(own.filter(is_free(now)).exec(db).await?.rows_affected == 1)
}

/// No registration holds it.
fn is_free(now: Timestamp) -> Condition {
    Condition::any().add(Column::HeldUntil.is_null()).add(Column::HeldUntil.lte(now))
}

/// Lets a registration hold its invitation until a time, as its account waits for so long.
pub(crate) async fn extend_hold(db: &impl ConnectionTrait, guest: UserId, until: Timestamp) -> Result<(), DbErr> {
    let update = Entity::update_many().col_expr(Column::HeldUntil, Expr::value(Some(until)));
    update.filter(Column::GuestId.eq(guest.0)).filter(Column::UsedAt.is_null()).exec(db).await.map(|_| ())
}

/// Lets a registration hold an invitation, for as long as it may wait for its confirmation. Returns its id; `None` when
/// there is no such invitation, or it is used, held or expired.
pub(crate) async fn hold(
    db: &impl ConnectionTrait,
    code_hash: &str,
    now: Timestamp,
) -> Result<Option<InvitationId>, DbErr> {
    // The condition is a part of the update, so that of two registrations at the same moment one gets it.
    let held = Entity::update_many()
        .col_expr(Column::HeldUntil, Expr::value(Some(now + VERIFY_WITHIN)))
        .col_expr(Column::GuestId, Expr::value(None::<i64>))
        .filter(Column::CodeHash.eq(code_hash))
        .filter(Column::UsedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .filter(is_free(now))
        .exec_with_returning(db)
        .await?;
    Ok(held.into_iter().next().map(|invitation| InvitationId(invitation.id)))
}

/// Records the account for which an invitation is held.
pub(crate) async fn set_guest(db: &impl ConnectionTrait, id: InvitationId, guest: UserId) -> Result<(), DbErr> {
    let update = Entity::update_many().col_expr(Column::GuestId, Expr::value(Some(guest.0)));
    update.filter(Column::Id.eq(id.0)).exec(db).await.map(|_| ())
}

/// Uses up the invitation that is held for an account, if there is one.
pub(crate) async fn mark_used(db: &impl ConnectionTrait, guest: UserId, now: Timestamp) -> Result<(), DbErr> {
    let update = Entity::update_many().col_expr(Column::UsedAt, Expr::value(Some(now)));
    update.filter(Column::GuestId.eq(guest.0)).filter(Column::UsedAt.is_null()).exec(db).await.map(|_| ())
}

/// Lets others use the invitation that is held for an account, because its address was never confirmed.
pub(crate) async fn release(db: &impl ConnectionTrait, guest: UserId) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::HeldUntil, Expr::value(None::<Timestamp>))
        .col_expr(Column::GuestId, Expr::value(None::<i64>))
        .filter(Column::GuestId.eq(guest.0))
        .filter(Column::UsedAt.is_null())
        .exec(db)
        .await
        .map(|_| ())
}

/// Deletes the invitations of a person who leaves, and forgets whose guest the person was.
pub(crate) async fn forget_person(db: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::UserId.eq(user.0)).exec(db).await?;
    let update = Entity::update_many().col_expr(Column::GuestId, Expr::value(None::<i64>));
    update.filter(Column::GuestId.eq(user.0)).exec(db).await.map(|_| ())
}

/// Deletes the unused invitations that expired before a time.
pub(crate) async fn delete_expired_before(db: &impl ConnectionTrait, before: Timestamp) -> Result<(), DbErr> {
    let unused = Entity::delete_many().filter(Column::ExpiresAt.lt(before)).filter(Column::UsedAt.is_null());
    unused.exec(db).await.map(|_| ())
}
