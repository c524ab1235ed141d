//! Statements on mails.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use shared::clock::Timestamp;

use crate::db::entities::mail_job::{ActiveModel, Column, Entity, Model, PARKED, QUEUED, SENT};
use crate::domain::email;
use crate::domain::mails::Mail;

/// Queues a mail. One of the same kind to the same person that still waits would only bring an outdated text, so it goes.
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
    };
    Entity::insert(row).exec_without_returning(db).await.map(|_| ())
}

/// How many mails somebody was sent, or is to be sent, since then.
pub(crate) async fn count_since(db: &impl ConnectionTrait, user_id: i64, time: Timestamp) -> Result<u64, DbErr> {
    Entity::find().filter(Column::UserId.eq(user_id)).filter(Column::CreatedAt.gt(time)).count(db).await
}

/// Takes due mails until `until`: other workers see them as not due before.
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
    // The condition is looked at again under the row's lock, so that of two workers only one gets a mail.
    Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(until))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1_i64))
        .filter(Column::Id.is_in(ids))
        .filter(Column::State.eq(QUEUED))
        .filter(Column::DueAt.lte(now))
        .exec_with_returning(db)
        .await
}

/// Notes that the mail server has it. The text goes, because it holds the link.
pub(crate) async fn mark_sent(db: &impl ConnectionTrait, id: i64, now: Timestamp) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(SENT))
        .col_expr(Column::SentAt, Expr::value(Some(now)))
        .col_expr(Column::Text, Expr::value(""))
        .col_expr(Column::Html, Expr::value(""))
        .col_expr(Column::LastError, Expr::value(None::<String>))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await
        .map(|_| ())
}

/// Notes that the text is being sent: from now on the mail server may have it. False: it is not to be sent any more, because
/// a newer one has taken its place.
pub(crate) async fn mark_unsettled(db: &impl ConnectionTrait, id: i64) -> Result<bool, DbErr> {
    let noted = Entity::update_many()
        .col_expr(Column::Unsettled, Expr::col(Column::Unsettled).add(1_i64))
        .filter(Column::Id.eq(id))
        .filter(Column::State.eq(QUEUED))
        .exec(db)
        .await?;
    Ok(noted.rows_affected == 1)
}

/// What a try that failed leaves behind.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) reason: String,
    /// When to try again; `None`: the mail is parked.
    pub(crate) again: Option<Timestamp>,
    pub(crate) refusals: i64,
    pub(crate) refused_since: Option<Timestamp>,
    pub(crate) unsettled: i64,
}

/// Notes that a mail was not taken.
pub(crate) async fn mark_failed(db: &impl ConnectionTrait, id: i64, outcome: Outcome) -> Result<(), DbErr> {
    let update = Entity::update_many()
        .col_expr(Column::LastError, Expr::value(Some(outcome.reason)))
        .col_expr(Column::Refusals, Expr::value(outcome.refusals))
        .col_expr(Column::RefusedSince, Expr::value(outcome.refused_since))
        .col_expr(Column::Unsettled, Expr::value(outcome.unsettled));
    let update = match outcome.again {
        Some(time) => update.col_expr(Column::DueAt, Expr::value(time)),
        None => update.col_expr(Column::State, Expr::value(PARKED)),
    };
    update.filter(Column::Id.eq(id)).filter(Column::State.eq(QUEUED)).exec(db).await.map(|_| ())
}

/// Parked mails with these ids, or all of them, the oldest first.
pub(crate) async fn parked(db: &impl ConnectionTrait, ids: &[i64]) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(which_parked(ids)).order_by_asc(Column::Id).all(db).await
}

/// A page of the parked mails, newest first.
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

/// Queues a parked mail again, as if it had never been tried.
pub(crate) async fn requeue(
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
        .filter(which_parked(&[id]))
        .exec(db)
        .await
        .map(|_| ())
}

/// Deletes parked mails with these ids, or all of them. Answers how many.
pub(crate) async fn delete_parked(db: &impl ConnectionTrait, ids: &[i64]) -> Result<u64, DbErr> {
    Ok(Entity::delete_many().filter(which_parked(ids)).exec(db).await?.rows_affected)
}

fn which_parked(ids: &[i64]) -> Condition {
    let parked = Condition::all().add(Column::State.eq(PARKED));
    if ids.is_empty() { parked } else { parked.add(Column::Id.is_in(ids.iter().copied())) }
}

/// Puts all waiting mails into the development mailbox: they stay where they are, readable.
pub(crate) async fn keep_all(db: &impl ConnectionTrait, now: Timestamp) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::State, Expr::value(SENT))
        .col_expr(Column::SentAt, Expr::value(Some(now)))
        .filter(Column::State.eq(QUEUED))
        .exec(db)
        .await
        .map(|_| ())
}

/// Whether any mail waits.
pub(crate) async fn any_queued(db: &impl ConnectionTrait) -> Result<bool, DbErr> {
    Ok(Entity::find().filter(Column::State.eq(QUEUED)).one(db).await?.is_some())
}

/// How many mails are in each state.
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

/// When the oldest mail that waits was queued.
pub(crate) async fn oldest_queued(db: &impl ConnectionTrait) -> Result<Option<Timestamp>, DbErr> {
    let oldest: Option<Option<Timestamp>> = Entity::find()
        .select_only()
        .column_as(Column::CreatedAt.min(), "oldest")
        .filter(Column::State.eq(QUEUED))
        .into_tuple()
        .one(db)
        .await?;
    Ok(oldest.flatten())
}

/// The development mailbox, newest first.
pub(crate) async fn mailbox(db: &impl ConnectionTrait, to: Option<&str>, limit: u64) -> Result<Vec<Model>, DbErr> {
    let mut mails = Entity::find().filter(Column::State.eq(SENT)).order_by_desc(Column::Id).limit(limit);
    if let Some(to) = to {
        mails = mails.filter(Column::ToKey.eq(email::key(to)));
    }
    mails.all(db).await
}

/// Deletes mails that were sent long ago.
pub(crate) async fn delete_sent_before(db: &impl ConnectionTrait, time: Timestamp) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::State.eq(SENT)).filter(Column::CreatedAt.lt(time)).exec(db).await.map(|_| ())
}
