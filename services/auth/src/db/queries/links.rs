//! Statements on links in mails.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use shared::clock::Timestamp;

use crate::db::entities::links::{ActiveModel, Column, Entity, Model};
use crate::domain::link::{MAX_GUESSES, Purpose};

/// Stores a link. Earlier links of the same account stay valid.
pub(crate) async fn insert(db: &impl ConnectionTrait, link: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
        token_hash: Set(link.token_hash),
        purpose: Set(link.purpose),
        user_id: Set(link.user_id),
        email_key: Set(link.email_key),
        address: Set(link.address),
        expires_at: Set(link.expires_at),
        used_at: Set(link.used_at),
        code_hash: Set(link.code_hash),
        guesses: Set(link.guesses),
    };
    Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// Finds a link by the hash of its token, whether it is still valid or not.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    purpose: Purpose,
    token_hash: &str,
) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(token_hash).filter(Column::Purpose.eq(purpose.as_str())).one(db).await
}

/// Finds the purpose of a link by the hash of its token, whether the link is still valid or not.
pub(crate) async fn find_purpose(db: &impl ConnectionTrait, token_hash: &str) -> Result<Option<Purpose>, DbErr> {
    let named = Entity::find_by_id(token_hash).select_only().column(Column::Purpose).into_tuple::<String>();
    Ok(named.one(db).await?.as_deref().and_then(Purpose::named))
}

/// Makes the codes of an account with this purpose invalid. The links of the same mails stay valid.
pub(crate) async fn forget_codes(db: &impl ConnectionTrait, purpose: Purpose, user_id: i64) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::CodeHash, Expr::value(None::<String>))
        .filter(Column::UserId.eq(user_id))
        .filter(Column::Purpose.eq(purpose.as_str()))
        .exec(db)
        .await
        .map(|_| ())
}

/// Finds the valid link with this purpose of an account that has a code, and counts one guess of the code. `None` when
/// there is no such link, or its guesses are used up.
pub(crate) async fn take_guess(
    db: &impl ConnectionTrait,
    purpose: Purpose,
    user_id: i64,
    now: Timestamp,
) -> Result<Option<Model>, DbErr> {
    // The condition is a part of the update, so that simultaneous requests get no additional guess.
    let counted = Entity::update_many()
        .col_expr(Column::Guesses, Expr::col(Column::Guesses).add(1_i64))
        .filter(Column::UserId.eq(user_id))
        .filter(Column::Purpose.eq(purpose.as_str()))
        .filter(Column::CodeHash.is_not_null())
        .filter(Column::UsedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .filter(Column::Guesses.lt(MAX_GUESSES))
        .exec_with_returning(db)
        .await?;
    Ok(counted.into_iter().next())
}

/// Marks a valid link as used. Of several requests with the same link, exactly one gets true.
pub(crate) async fn mark_used(db: &impl ConnectionTrait, token_hash: &str, now: Timestamp) -> Result<bool, DbErr> {
    let marked = Entity::update_many()
        .col_expr(Column::UsedAt, Expr::value(Some(now)))
        .filter(Column::TokenHash.eq(token_hash))
        .filter(Column::UsedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .exec(db)
        .await?;
    Ok(marked.rows_affected == 1)
}

/// Deletes the unused links of an account with this purpose.
pub(crate) async fn delete_unused_of(db: &impl ConnectionTrait, purpose: Purpose, user_id: i64) -> Result<(), DbErr> {
    let unused = Condition::all()
        .add(Column::Purpose.eq(purpose.as_str()))
        .add(Column::UserId.eq(user_id))
        .add(Column::UsedAt.is_null());
    Entity::delete_many().filter(unused).exec(db).await.map(|_| ())
}

/// Deletes the unused links with this purpose to a mailbox, whichever account they are for.
pub(crate) async fn delete_unused(db: &impl ConnectionTrait, purpose: Purpose, email_key: &str) -> Result<(), DbErr> {
    let unused = Condition::all()
        .add(Column::Purpose.eq(purpose.as_str()))
        .add(Column::EmailKey.eq(email_key))
        .add(Column::UsedAt.is_null());
    Entity::delete_many().filter(unused).exec(db).await.map(|_| ())
}

/// Deletes all links of an account.
pub(crate) async fn delete_all_of(db: &impl ConnectionTrait, user_id: i64) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::UserId.eq(user_id)).exec(db).await.map(|_| ())
}

/// Makes an unused link valid until a time, and returns it. `None` when it was used or is gone.
pub(crate) async fn renew(
    db: &impl ConnectionTrait,
    token_hash: &str,
    until: Timestamp,
) -> Result<Option<Model>, DbErr> {
    let renewed = Entity::update_many()
        .col_expr(Column::ExpiresAt, Expr::value(until))
        .filter(Column::TokenHash.eq(token_hash))
        .filter(Column::UsedAt.is_null())
        .exec_with_returning(db)
        .await?;
    Ok(renewed.into_iter().next())
}

/// Deletes the links that expired before a time.
pub(crate) async fn delete_expired_before(db: &impl ConnectionTrait, time: Timestamp) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::ExpiresAt.lt(time)).exec(db).await.map(|_| ())
}
