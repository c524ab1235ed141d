//! Statements on the log of accounts. An entry is written in the same transaction as the change that it tells of. It
//! holds the client's address and the id of the request that the current task serves.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::clock::Timestamp;
use shared::ids::UserId;
use shared::request_id;

use crate::db::entities::account_log::{ActiveModel, Column, Entity, Model};
use crate::domain::audit_event::AuditEvent;

/// Adds an entry about something that a person has done to the own account.
pub(crate) async fn record_own(
    db: &impl ConnectionTrait,
    event: AuditEvent,
    user: UserId,
    now: Timestamp,
) -> Result<(), DbErr> {
    insert(db, event, Some(user), Some(user), now).await
}

/// Adds an entry about something that an admin has done, to a person or to nobody in particular.
pub(crate) async fn record_by_admin(
    db: &impl ConnectionTrait,
    event: AuditEvent,
    admin: UserId,
    user: Option<UserId>,
    now: Timestamp,
) -> Result<(), DbErr> {
    insert(db, event, user, Some(admin), now).await
}

/// Adds an entry about something that an operator, the service itself, or an unknown person has done.
pub(crate) async fn record_by_nobody(
    db: &impl ConnectionTrait,
    event: AuditEvent,
    user: Option<UserId>,
    now: Timestamp,
) -> Result<(), DbErr> {
    insert(db, event, user, None, now).await
}

/// Counts a failed try, in the entry of the current hour of the clock. `user` is `None` for a username that nobody has:
/// the work is the same then, so that it does not tell whether there is an account.
pub(crate) async fn count_failure(
    db: &impl ConnectionTrait,
    event: AuditEvent,
    user: Option<UserId>,
    now: Timestamp,
) -> Result<(), DbErr> {
    count(db, event, user, None, now).await
}

/// Counts what a person has done to the own account, in the entry of the current hour.
pub(crate) async fn count_own(
    db: &impl ConnectionTrait,
    event: AuditEvent,
    user: UserId,
    now: Timestamp,
) -> Result<(), DbErr> {
    count(db, event, Some(user), Some(user), now).await
}

async fn count(
    db: &impl ConnectionTrait,
    event: AuditEvent,
    user: Option<UserId>,
    actor: Option<UserId>,
    now: Timestamp,
) -> Result<(), DbErr> {
    let about = user.map_or_else(|| Column::UserId.is_null(), |user| Column::UserId.eq(user.0));
    let of_this_hour = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(about)
        .filter(Column::Kind.eq(event.as_str()))
        .filter(Column::At.gte(now.start_of_hour()))
        .order_by_desc(Column::Id)
        .limit(1);
    // Two first tries at the same moment make two entries, of which the later one counts on.
    let Some(id) = of_this_hour.into_tuple::<i64>().one(db).await? else {
        return insert(db, event, user, actor, now).await;
    };
    Entity::update_many()
        .col_expr(Column::Count, Expr::col(Column::Count).add(1_i64))
        .col_expr(Column::Address, Expr::value(address()))
        .col_expr(Column::RequestId, Expr::value(request_id::current()))
        .col_expr(Column::At, Expr::value(now))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await
        .map(|_| ())
}

async fn insert(
    db: &impl ConnectionTrait,
    event: AuditEvent,
    user: Option<UserId>,
    actor: Option<UserId>,
    now: Timestamp,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: NotSet,
        kind: Set(event.as_str().to_owned()),
        user_id: Set(user.map(|user| user.0)),
        actor_id: Set(actor.map(|actor| actor.0)),
        count: Set(1),
        address: Set(address()),
        request_id: Set(request_id::current()),
        at: Set(now),
    };
    Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

fn address() -> Option<String> {
    request_id::client_address().map(|address| address.to_string())
}

/// Reads a page of the log, newest first, of one person or of all. `after` is the last id of the page before.
pub(crate) async fn page(
    db: &impl ConnectionTrait,
    user: Option<UserId>,
    after: Option<i64>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut entries = Entity::find().order_by_desc(Column::Id).limit(limit);
    if let Some(user) = user {
        entries = entries.filter(Column::UserId.eq(user.0));
    }
    if let Some(after) = after {
        entries = entries.filter(Column::Id.lt(after));
    }
    entries.all(db).await
}

/// Deletes the entries about a person who leaves, and the traces of what the person did as an admin.
pub(crate) async fn forget_person(db: &impl ConnectionTrait, user: UserId) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::UserId.eq(user.0)).exec(db).await?;
    Entity::update_many()
        .col_expr(Column::Address, Expr::value(None::<String>))
        .col_expr(Column::RequestId, Expr::value(None::<String>))
        .filter(Column::ActorId.eq(user.0))
        .exec(db)
        .await
        .map(|_| ())
}

/// Deletes the entries from before a time.
pub(crate) async fn delete_before(db: &impl ConnectionTrait, before: Timestamp) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::At.lt(before)).exec(db).await.map(|_| ())
}
