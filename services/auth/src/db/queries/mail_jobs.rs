//! Statements on the queue of mails.
//!
//! Several workers may share the table: a worker claims a mail by moving its due time into the future. A newer mail may
//! replace a claimed one, so the worker checks that it is still queued before it sends the text.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use shared::clock::Timestamp;

use crate::db::entities::mail_jobs::{ActiveModel, Column, Entity, Model, PARKED, QUEUED, SENT};
use crate::domain::email;
use crate::domain::mails::Mail;

/// Queues a mail. It replaces a queued mail of the same kind to the same person, who needs only one of the two.
pub(crate) async fn enqueue(db: &impl ConnectionTrait, user_id: i64, mail: Mail, now: Timestamp) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::UserId.eq(user_id))
        .filter(Column::Kind.eq(mail.kind))
        .filter(Column::State.eq(QUEUED))
        .exec(db)
        .await?;
    let row = ActiveModel {
        id: NotSet,
        user_id: Set(user_id),
        kind: Set(mail.kind.to_owned()),
        to_key: Set(email::key(&mail.to)),
        to_address: Set(mail.to),
        subject: Set(mail.subject.to_owned()),
        text: Set(mail.text),
        html: Set(mail.html),
        state: Set(QUEUED.to_owned()),
        attempts: Set(0),
        due_at: Set(now),
        last_error: Set(None),
        created_at: Set(now),
        sent_at: Set(None),
        refusals: Set(0),
        refused_since: Set(None),
        unsettled: Set(0),
        give_up_at: Set(None),
        unsubscribe_url: Set(mail.unsubscribe_url),
    };
    Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// Deletes all mails to a person, with their texts.
pub(crate) async fn delete_all_of(db: &impl ConnectionTrait, user_id: i64) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::UserId.eq(user_id)).exec(db).await.map(|_| ())
}

/// Deletes one mail.
pub(crate) async fn delete(db: &impl ConnectionTrait, id: i64) -> Result<(), DbErr> {
    Entity::delete_by_id(id).exec(db).await.map(|_| ())
}

/// Counts the mails to a person that are stored.
pub(crate) async fn count_of(db: &impl ConnectionTrait, user_id: i64) -> Result<u64, DbErr> {
    Entity::find().filter(Column::UserId.eq(user_id)).count(db).await
}

/// Claims due mails for one worker. Other workers see them as not due before `until`.
pub(crate) async fn claim(
    db: &impl ConnectionTrait,
    now: Timestamp,
    until: Timestamp,
    limit: usize,
) -> Result<Vec<Model>, DbErr> {
    let due =
        Entity::find().select_only().column(Column::Id).filter(Column::State.eq(QUEUED)).filter(Column::DueAt.lte(now));
    let ids: Vec<i64> = due.order_by_asc(Column::DueAt).limit(limit as u64).into_tuple().all(db).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    // The update checks the condition again under the lock of the row, so that only one of two workers gets a mail.
    Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(until))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1_i64))
        .filter(Column::Id.is_in(ids))
        .filter(Column::State.eq(QUEUED))
        .filter(Column::DueAt.lte(now))
        .exec_with_returning(db)
        .await
}

/// Records that the mail server has accepted a mail, and deletes the text, because it may hold a link.
pub(crate) async fn mark_sent(db: &impl ConnectionTrait, id: i64, now: Timestamp) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(SENT))
        .col_expr(Column::SentAt, Expr::value(Some(now)))
        .col_expr(Column::Text, Expr::value(""))
        .col_expr(Column::Html, Expr::value(""))
        .col_expr(Column::UnsubscribeUrl, Expr::value(None::<String>))
        .col_expr(Column::LastError, Expr::value(None::<String>))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await
        .map(|_| ())
}

/// Records that the text of a mail is about to be sent: from now on the mail server may have it. Returns false when the
/// mail must not be sent any more, because a newer one has replaced it.
pub(crate) async fn mark_unsettled(db: &impl ConnectionTrait, id: i64) -> Result<bool, DbErr> {
    let marked = Entity::update_many()
        .col_expr(Column::Unsettled, Expr::col(Column::Unsettled).add(1_i64))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(QUEUED))
        .exec(db)
        .await?;
    Ok(marked.rows_affected == 1)
}

/// The result of a failed try, as it is stored. The counters have the meaning of the columns with their names.
#[derive(Debug)]
pub(crate) struct FailedTry {
    /// The reason, for the operator.
    pub(crate) reason: String,
    /// The time of the next try. `None`: the mail is parked.
    pub(crate) next_try_at: Option<Timestamp>,
    pub(crate) refusals: i64,
    pub(crate) refused_since: Option<Timestamp>,
    pub(crate) unsettled: i64,
}

/// Stores the result of a failed try. The mail stays queued, or it is parked.
pub(crate) async fn record_failure(db: &impl ConnectionTrait, id: i64, failed: FailedTry) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::LastError, Expr::value(Some(failed.reason)))
        .col_expr(Column::Refusals, Expr::value(failed.refusals))
        .col_expr(Column::RefusedSince, Expr::value(failed.refused_since))
        .col_expr(Column::Unsettled, Expr::value(failed.unsettled));
    let update = match failed.next_try_at {
        Some(time) => update.col_expr(Column::DueAt, Expr::value(time)),
        None => update.col_expr(Column::State, Expr::value(PARKED)),
    };
    update.filter(Column::Id.eq(id)).filter(Column::State.eq(QUEUED)).exec(db).await.map(|_| ())
}

/// Lists the parked mails with these ids, or all parked mails when there are no ids, oldest first.
pub(crate) async fn list_parked(db: &impl ConnectionTrait, ids: &[i64]) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(parked(ids)).order_by_asc(Column::Id).all(db).await
}

/// Reads a page of the parked mails, newest first. `after` is the last id of the page before.
pub(crate) async fn page_parked(
    db: &impl ConnectionTrait,
    after: Option<i64>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut mails = Entity::find().filter(Column::State.eq(PARKED)).order_by_desc(Column::Id).limit(limit);
    if let Some(after) = after {
        mails = mails.filter(Column::Id.lt(after));
    }
    mails.all(db).await
}

/// Queues a parked mail again, with all its counters reset.
pub(crate) async fn requeue_parked(
    db: &impl ConnectionTrait,
    id: i64,
    now: Timestamp,
    give_up_at: Timestamp,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(QUEUED))
        .col_expr(Column::DueAt, Expr::value(now))
        .col_expr(Column::GiveUpAt, Expr::value(Some(give_up_at)))
        .col_expr(Column::Attempts, Expr::value(0_i64))
        .col_expr(Column::Refusals, Expr::value(0_i64))
        .col_expr(Column::RefusedSince, Expr::value(None::<Timestamp>))
        .col_expr(Column::Unsettled, Expr::value(0_i64))
        .filter(parked(&[id]))
        .exec(db)
        .await
        .map(|_| ())
}

/// Deletes the parked mails with these ids, or all parked mails when there are no ids. Returns the number of deleted
/// mails.
pub(crate) async fn delete_parked(db: &impl ConnectionTrait, ids: &[i64]) -> Result<u64, DbErr> {
    Ok(Entity::delete_many().filter(parked(ids)).exec(db).await?.rows_affected)
}

/// Builds the condition that a mail is parked and has one of these ids. No ids mean all parked mails.
fn parked(ids: &[i64]) -> Condition {
    let parked = Condition::all().add(Column::State.eq(PARKED));
    if ids.is_empty() { parked } else { parked.add(Column::Id.is_in(ids.iter().copied())) }
}

/// Moves all queued mails into the development mailbox, where their texts stay readable.
pub(crate) async fn move_to_mailbox(db: &impl ConnectionTrait, now: Timestamp) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(SENT))
        .col_expr(Column::SentAt, Expr::value(Some(now)))
        .filter(Column::State.eq(QUEUED))
        .exec(db)
        .await
        .map(|_| ())
}

/// Returns true when at least one mail is queued.
pub(crate) async fn has_queued(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    Ok(Entity::find().filter(Column::State.eq(QUEUED)).one(db).await?.is_some())
}

/// Counts the mails of each state. A state without mails is absent.
pub(crate) async fn count_by_state(db: &impl ConnectionTrait) -> Result<Vec<(String, i64)>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::State)
        .column_as(Column::Id.count(), "mails")
        .group_by(Column::State)
        .into_tuple()
        .all(db)
        .await
}

/// Finds the time at which the oldest queued mail was stored.
pub(crate) async fn find_oldest_queued(db: &impl ConnectionTrait) -> Result<Option<Timestamp>, DbErr> {
    let oldest: Option<Option<Timestamp>> = Entity::find()
        .select_only()
        .column_as(Column::CreatedAt.min(), "oldest")
        .filter(Column::State.eq(QUEUED))
        .into_tuple()
        .one(db)
        .await?;
    Ok(oldest.flatten())
}

/// Lists up to `limit` mails of the development mailbox, newest first: to all addresses, or to one.
pub(crate) async fn list_mailbox(db: &impl ConnectionTrait, to: Option<&str>, limit: u64) -> Result<Vec<Model>, DbErr> {
    let mut mails = Entity::find().filter(Column::State.eq(SENT)).order_by_desc(Column::Id).limit(limit);
    if let Some(to) = to {
        mails = mails.filter(Column::ToKey.eq(email::key(to)));
    }
    mails.all(db).await
}

/// Deletes the mails of these kinds that were queued before a time, sent or not.
pub(crate) async fn delete_kinds_before(
    db: &impl ConnectionTrait,
    kinds: impl IntoIterator<Item = &str>,
    time: Timestamp,
) -> Result<(), DbErr> {
    let old = Entity::delete_many().filter(Column::Kind.is_in(kinds)).filter(Column::CreatedAt.lt(time));
    old.exec(db).await.map(|_| ())
}

/// Deletes the sent mails that were queued before a time.
pub(crate) async fn delete_sent_before(db: &impl ConnectionTrait, time: Timestamp) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::State.eq(SENT)).filter(Column::CreatedAt.lt(time)).exec(db).await.map(|_| ())
}
