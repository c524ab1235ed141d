//! The SQL statements on the tables `live_items` and `live_head`.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use shared::db::insert_rows;
use shared::events;
use shared::ids::UserId;
use shared::work::Tx;

use super::subscriptions;
use crate::db::entities::live_head::{self, Entity as Head};
use crate::db::entities::live_items::{ActiveModel, Column, Entity, Model};
use crate::domain::live::{self, FOLLOWERS, News};
use crate::domain::notices::{Place, Recipient};

/// The id of the only row of `live_head`.
const HEAD: i64 = 1;
/// The most items that are kept.
const MOST: i64 = 1_000_000;
/// The number of items that one transaction deletes at most.
const TRIMMED: u64 = 1_000;

/// Deletes the item of a thing that may happen to this recipient again, and is then told again.
pub(crate) async fn withdraw(tx: &Tx, recipient: &Recipient<'_>, place: Place) -> Result<(), DbErr> {
    let of_thing =
        Entity::delete_many().filter(Column::Recipient.eq(recipient.key())).filter(Column::Place.eq(place.0));
    of_thing.exec(&**tx).await.map(|_| ())
}

/// Gives numbers to news and stores them, as the last statements of a transaction: until its commit, every other
/// transaction that stores news waits. News that are too old, or stored already, are left out.
pub(crate) async fn append(tx: &mut Tx, mut news: Vec<News>) -> Result<(), DbErr> {
    let oldest = tx.clock().now() - live::MAX_AGE;
    news.retain(|one| one.at > oldest);
    // Also when the copies are built anew: what they hold is either here already, or no news any more.
    if news.is_empty() {
        return Ok(());
    }
    let count = i64::try_from(news.len()).unwrap_or(i64::MAX);
    let last = take_numbers(tx, count).await?;
    let rows = news.into_iter().zip(last - count + 1..).map(|(one, seq)| ActiveModel {
        seq: Set(seq),
        recipient: Set(one.recipient),
        place: Set(one.place.0),
        actor_id: Set(one.actor),
        created_at: Set(one.at),
    });
    let keep = OnConflict::columns([Column::Recipient, Column::Place, Column::ActorId]).do_nothing().to_owned();
    insert_rows(&**tx, rows.collect(), Some(keep)).await?;
    // Only wakes those who read the table, on every replica.
    events::remember(tx, &[live_head::Model { id: HEAD, seq: last, trimmed_to: 0 }]);
    Ok(())
}

/// Takes the next `count` numbers and returns the last of them. The row of `live_head` stays locked until the commit.
async fn take_numbers(tx: &Tx, count: i64) -> Result<i64, DbErr> {
    let first = live_head::ActiveModel {
        id: Set(HEAD),
        seq: Set(live::first_of_era(rand::random()) + count),
        trimmed_to: Set(0),
    };
    let raise = OnConflict::column(live_head::Column::Id)
        .value(live_head::Column::Seq, Expr::col((Head, live_head::Column::Seq)).add(count))
        .to_owned();
    Ok(Head::insert(first).on_conflict(raise).exec_with_returning(&**tx).await?.seq)
}

/// Reads the last number, and the number up to which items may have been deleted.
pub(crate) async fn find_head(db: &impl ConnectionTrait) -> Result<(i64, i64), DbErr> {
    Ok(Head::find_by_id(HEAD).one(db).await?.map_or((0, 0), |head| (head.seq, head.trimmed_to)))
}

/// Reads up to `limit` items after a number, in their order.
pub(crate) async fn page_after(db: &impl ConnectionTrait, after: i64, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Seq.gt(after)).order_by_asc(Column::Seq).limit(limit).all(db).await
}

/// Finds up to `limit` items that a person has missed, in their order: those after `seen` up to `head`, of posts by people
/// whom the person follows, and of what concerns one of `recipients`.
pub(crate) async fn find_missed(
    db: &impl ConnectionTrait,
    person: UserId,
    recipients: &[String],
    (seen, head): (i64, i64),
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let range = || Entity::find().filter(Column::Seq.gt(seen)).filter(Column::Seq.lte(head)).limit(limit);
    let own = range().filter(Column::Recipient.is_in(recipients)).filter(Column::ActorId.ne(person));
    let posts = range()
        .filter(Column::Recipient.eq(FOLLOWERS))
        .filter(Column::ActorId.in_subquery(subscriptions::followed_ids(person)));
    // Two queries, because each of them then reads one range of the index.
    let mut missed = own.order_by_asc(Column::Seq).all(db).await?;
    missed.extend(posts.order_by_asc(Column::Seq).all(db).await?);
    missed.sort_unstable_by_key(|item| item.seq);
    missed.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(missed)
}

/// Deletes some of the oldest items, if they are too old or too many. Returns true if there may be more of them.
pub(crate) async fn trim(tx: &Tx) -> Result<bool, DbErr> {
    let oldest = tx.clock().now() - live::MAX_AGE;
    let (head, _) = find_head(&**tx).await?;
    let items = page_after(&**tx, i64::MIN, TRIMMED).await?;
    let old = items.iter().take_while(|item| item.created_at <= oldest || item.seq <= head - MOST);
    let Some(last) = old.last().map(|item| item.seq) else { return Ok(false) };
    Entity::delete_many().filter(Column::Seq.lte(last)).exec(&**tx).await?;
    Head::update_many()
        .col_expr(live_head::Column::TrimmedTo, Expr::value(last))
        .filter(live_head::Column::TrimmedTo.lt(last))
        .exec(&**tx)
        .await?;
    Ok(items.last().is_some_and(|item| item.seq == last) && items.len() as u64 == TRIMMED)
}

/// Deletes the items that concern somebody who has left. Those that the person caused show nothing any more, and are
/// deleted within a day.
pub(crate) async fn erase(tx: &Tx, person: UserId) -> Result<(), DbErr> {
    Entity::delete_many().filter(Column::Recipient.eq(person.to_string())).exec(&**tx).await.map(|_| ())
}
