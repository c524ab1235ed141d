//! Statements on second factors and on the logins that wait for them.

use sea_orm::ActiveValue::Set;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter};
use shared::clock::Timestamp;
use shared::ids::UserId;

use super::passkeys;
use crate::db::entities::{authenticator_apps as apps, challenges, recovery_codes as codes, users};

/// The number of codes that can be tried for one challenge.
const MAX_GUESSES: i64 = 5;

/// Stores the secret of an app that is not confirmed yet, in the place of an earlier app that was never confirmed.
/// Returns false when the person has a confirmed app.
pub(crate) async fn insert_app(
    db: &impl ConnectionTrait,
    user: UserId,
    secret: Vec<u8>,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let row = apps::ActiveModel {
        user_id: Set(user.0),
        secret: Set(secret),
        created_at: Set(now),
        confirmed_at: Set(None),
        last_step: Set(0),
    };
    let replace = OnConflict::column(apps::Column::UserId)
        .update_columns([apps::Column::Secret, apps::Column::CreatedAt, apps::Column::LastStep])
        .action_and_where(Expr::col((apps::Entity, apps::Column::ConfirmedAt)).is_null())
        .to_owned();
    Ok(apps::Entity::insert(row).on_conflict(replace).exec_without_returning(db).await? == 1)
}

/// Finds the app of a person, confirmed or not.
pub(crate) async fn find_app(db: &impl ConnectionTrait, user: UserId) -> Result<Option<apps::Model>, DbErr> {
    apps::Entity::find_by_id(user.0).one(db).await
}

/// Confirms an app by its first code, and records the step of the code as used. Returns false when it was confirmed
/// before.
pub(crate) async fn confirm_app(
    db: &impl ConnectionTrait,
    user: UserId,
    step: i64,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let confirmed = apps::Entity::update_many()
        .col_expr(apps::Column::ConfirmedAt, Expr::value(Some(now)))
        .col_expr(apps::Column::LastStep, Expr::value(step))
        .filter(apps::Column::UserId.eq(user.0))
        .filter(apps::Column::ConfirmedAt.is_null())
        .exec(db)
        .await?;
    Ok(confirmed.rows_affected == 1)
}

/// Records the step of a code as used. Returns false when this step, or a newer one, was used before: of two requests
/// with the same code, exactly one gets true.
pub(crate) async fn use_step(db: &impl ConnectionTrait, user: UserId, step: i64) -> Result<bool, DbErr> {
    let used = apps::Entity::update_many()
        .col_expr(apps::Column::LastStep, Expr::value(step))
        .filter(apps::Column::UserId.eq(user.0))
        .filter(apps::Column::ConfirmedAt.is_not_null())
        .filter(apps::Column::LastStep.lt(step))
        .exec(db)
        .await?;
    Ok(used.rows_affected == 1)
}

/// Deletes the app of a person. Returns false when the person has no confirmed app.
pub(crate) async fn delete_app(db: &impl ConnectionTrait, user: UserId) -> Result<bool, DbErr> {
    let confirmed = apps::Entity::delete_by_id(user.0).filter(apps::Column::ConfirmedAt.is_not_null());
    Ok(confirmed.exec(db).await?.rows_affected == 1)
}

/// Records in the account that two-factor sign-in is on. Returns false when it was on before.
pub(crate) async fn turn_on(db: &impl ConnectionTrait, user: UserId, now: Timestamp) -> Result<bool, DbErr> {
    let turned = users::Entity::update_many()
        .col_expr(users::Column::SecondFactorAt, Expr::value(Some(now)))
        .filter(users::Column::Id.eq(user.0))
        .filter(users::Column::SecondFactorAt.is_null())
        .exec(db)
        .await?;
    Ok(turned.rows_affected == 1)
}

/// Turns two-factor sign-in off, and deletes all factors of a person.
pub(crate) async fn turn_off(db: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
    delete_all_of(db, user).await?;
    users::Entity::update_many()
        .col_expr(users::Column::SecondFactorAt, Expr::value(None::<Timestamp>))
        .filter(users::Column::Id.eq(user.0))
        .exec(db)
        .await
        .map(|_| ())
}

/// Replaces all recovery codes of a person. `hashes` are the hashes of the new codes.
pub(crate) async fn replace_codes(
    db: &impl ConnectionTrait,
    user: UserId,
    hashes: impl Iterator<Item = String>,
) -> Result<(), DbErr> {
    codes::Entity::delete_many().filter(codes::Column::UserId.eq(user.0)).exec(db).await?;
    let row = |hash| codes::ActiveModel { code_hash: Set(hash), user_id: Set(user.0), used_at: Set(None) };
    codes::Entity::insert_many(hashes.map(row)).exec_without_returning(db).await.map(|_| ())
}

/// Marks a recovery code as used. Returns false when the person has no such code, or it was used before.
pub(crate) async fn use_code(
    db: &impl ConnectionTrait,
    user: UserId,
    hash: &str,
    now: Timestamp,
) -> Result<bool, DbErr> {
    let used = codes::Entity::update_many()
        .col_expr(codes::Column::UsedAt, Expr::value(Some(now)))
        .filter(codes::Column::CodeHash.eq(hash))
        .filter(codes::Column::UserId.eq(user.0))
        .filter(codes::Column::UsedAt.is_null())
        .exec(db)
        .await?;
    Ok(used.rows_affected == 1)
}

/// Counts the recovery codes of a person that were not used.
pub(crate) async fn count_codes(db: &impl ConnectionTrait, user: UserId) -> Result<u64, DbErr> {
    let unused = codes::Entity::find().filter(codes::Column::UserId.eq(user.0));
    unused.filter(codes::Column::UsedAt.is_null()).count(db).await
}

/// Deletes the factors of a person, and the logins that wait for one.
pub(crate) async fn delete_all_of(db: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
    apps::Entity::delete_by_id(user.0).exec(db).await?;
    passkeys::delete_all_of(db, user).await?;
    codes::Entity::delete_many().filter(codes::Column::UserId.eq(user.0)).exec(db).await?;
    delete_challenges_of(db, user).await
}

/// Deletes the factors that a person has added since a time, and the logins that wait for one.
pub(crate) async fn delete_added_since(db: &impl ConnectionTrait, user: UserId, since: Timestamp) -> Result<(), DbErr> {
    let app = apps::Entity::delete_by_id(user.0).filter(apps::Column::CreatedAt.gte(since));
    app.exec(db).await?;
    passkeys::delete_added_since(db, user, since).await?;
    delete_challenges_of(db, user).await
}

/// Deletes the logins of a person that wait for the second factor.
pub(crate) async fn delete_challenges_of(db: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
    challenges::Entity::delete_many().filter(challenges::Column::UserId.eq(user.0)).exec(db).await.map(|_| ())
}

/// Stores a login that waits for the second factor.
pub(crate) async fn insert_challenge(db: &impl ConnectionTrait, challenge: challenges::Model) -> Result<(), DbErr> {
    let row = challenges::ActiveModel {
        token_hash: Set(challenge.token_hash),
        user_id: Set(challenge.user_id),
        session_version: Set(challenge.session_version),
        expires_at: Set(challenge.expires_at),
        guesses: Set(challenge.guesses),
    };
    challenges::Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// Finds a valid challenge whose guesses are not used up.
pub(crate) async fn find_challenge(
    db: &impl ConnectionTrait,
    token_hash: &str,
    now: Timestamp,
) -> Result<Option<challenges::Model>, DbErr> {
    let valid = challenges::Entity::find_by_id(token_hash).filter(challenges::Column::ExpiresAt.gt(now));
    valid.filter(challenges::Column::Guesses.lt(MAX_GUESSES)).one(db).await
}

/// Finds a valid challenge and counts one guess. `None`: there is none, or its guesses are used up.
pub(crate) async fn take_guess(
    db: &impl ConnectionTrait,
    token_hash: &str,
    now: Timestamp,
) -> Result<Option<challenges::Model>, DbErr> {
    // The condition is a part of the update, so that simultaneous requests get no additional guess.
    let counted = challenges::Entity::update_many()
        .col_expr(challenges::Column::Guesses, Expr::col(challenges::Column::Guesses).add(1_i64))
        .filter(challenges::Column::TokenHash.eq(token_hash))
        .filter(challenges::Column::ExpiresAt.gt(now))
        .filter(challenges::Column::Guesses.lt(MAX_GUESSES))
        .exec_with_returning(db)
        .await?;
    Ok(counted.into_iter().next())
}

/// Deletes a challenge. Returns false when another request has deleted it before.
pub(crate) async fn delete_challenge(db: &impl ConnectionTrait, token_hash: &str) -> Result<bool, DbErr> {
    Ok(challenges::Entity::delete_by_id(token_hash).exec(db).await?.rows_affected == 1)
}

/// Deletes the challenges that have expired.
pub(crate) async fn delete_expired_challenges(db: &impl ConnectionTrait, now: Timestamp) -> Result<(), DbErr> {
    challenges::Entity::delete_many().filter(challenges::Column::ExpiresAt.lt(now)).exec(db).await.map(|_| ())
}
