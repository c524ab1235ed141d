//! Statements on rate limits.

use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait, LikeExpr, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use shared::clock::Timestamp;

use crate::db::entities::limits::{ActiveModel, Column, Entity};
use crate::db::entities::users::Model as User;
use crate::domain::limit::{CURRENT_PASSWORD, LOGINS, Limit, MAILS, SECOND_FACTORS};

/// Uses a limit once for `what`. Returns false, and uses nothing, when the limit is exhausted. Transactions that ask
/// for the same key at the same time wait for each other, so together they never use more than the limit.
pub(crate) async fn take(db: &impl ConnectionTrait, limit: Limit, what: &str, now: Timestamp) -> Result<bool, DbErr> {
    let (now, period) = (now.unix_micros(), micros(limit.period));
    let row = ActiveModel { key: Set(key(limit, what)), full_at: Set(now + period) };
    let stored = || Expr::col((Entity, Column::FullAt));
    // A time in the past means that the whole burst is available, and resting for longer gives no more than that.
    let base = CaseStatement::new().case(stored().gt(now), stored()).finally(now);
    let use_once = OnConflict::column(Column::Key)
        .value(Column::FullAt, Expr::expr(base).add(period))
        .action_and_where(stored().lte(now + period * i64::from(limit.burst.saturating_sub(1))))
        .to_owned();
    Ok(Entity::insert(row).on_conflict(use_once).exec_without_returning(db).await? == 1)
}

/// Takes back one use of a limit.
pub(crate) async fn give_back(db: &impl ConnectionTrait, limit: Limit, what: &str) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::FullAt, Expr::col(Column::FullAt).sub(micros(limit.period)))
        .filter(Column::Key.eq(key(limit, what)))
        .exec(db)
        .await
        .map(|_| ())
}

/// Deletes the rows of keys whose whole burst is available again.
pub(crate) async fn delete_full(db: &impl ConnectionTrait, now: Timestamp) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::FullAt.lt(now.unix_micros())).exec(db).await.map(|_| ())
}

/// Deletes the rows of limits about a person: about the account, the username and the mailbox.
pub(crate) async fn forget_person(db: &impl ConnectionTrait, user: &User) -> Result<(), DbErr> {
    let login = key(LOGINS, &user.username_key);
    // The underscore is the only character of usernames that has a meaning in LIKE patterns.
    let by_address = LikeExpr::new(format!("{} %", login.replace('_', "\\_"))).escape('\\');
    let about = Condition::any()
        .add(Column::Key.is_in([login, key(MAILS, &user.email_key)]))
        .add(Column::Key.is_in([CURRENT_PASSWORD, SECOND_FACTORS].map(|limit| key(limit, &user.id.to_string()))))
        .add(Column::Key.like(by_address));
    Entity::delete_many().filter(about).exec(db).await.map(|_| ())
}

fn key(limit: Limit, what: &str) -> String {
    format!("{}:{what}", limit.name)
}

fn micros(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
