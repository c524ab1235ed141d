//! The SQL statements on the table `recounts`, which says whose likes and comments the counters leave out, and how far
//! the recount of each person's posts has come.
//!
//! The recounts to make are found by comparing the copy of users with this table. So none is lost when a process dies
//! between a user's state and the recount. Progress is stored page by page, in the transaction that counts a page.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use sea_orm::sea_query::{LockBehavior, LockType, OnConflict, SelectStatement};
use sea_orm::{
    ActiveValue::{Set, Unchanged},
    ColumnTrait, Condition, DbErr, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    RelationDef,
};
use shared::db::{Reads, insert_rows, pad_to_power_of_two};
use shared::ids::UserId;
use shared::work::Tx;

use super::users;
use crate::db::entities::recounts::{ActiveModel, Column, Entity, Model};
use crate::db::entities::{comments as comment_rows, counts, likes as like_rows, users as people};
use crate::domain::ids::PostId;

/// The most posts of one person that one transaction recounts, and the most hidden people and the most returned people
/// that one search finds.
const PAGE: u64 = 100;
/// The most likes and comments that one transaction counts, unless a single post has more.
const MAX_ROWS: i64 = 20_000;
/// The pauses between the rounds through the posts of a hidden person. A write that was under way when the block was
/// applied has been counted, and a replica that has not heard of the block accepts more writes until the access token
/// expires. The second and the third round correct both.
const PAUSES: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(11 * 60)];

/// The ids of the people whose likes and comments the counters leave out, as a subquery.
pub(crate) fn uncounted_ids() -> SelectStatement {
    Entity::find().select_only().column(Column::UserId).filter(Column::Hidden.eq(true)).into_query()
}

/// Finds people whom the counters do not follow yet: with the value true, people who are hidden and still counted; with
/// the value false, people who are visible again and not counted. At most [`PAGE`] of each are found.
pub(crate) async fn find_changed_people(db: &Reads) -> Result<BTreeMap<UserId, bool>, DbErr> {
    let work: RelationDef = people::Entity::belongs_to(Entity).from(people::Column::Id).to(Column::UserId).into();
    let counted = Condition::any().add(Column::Hidden.is_null()).add(Column::Hidden.eq(false));
    let select = || people::Entity::find().select_only().column(people::Column::Id).limit(PAGE);
    let left = select().join(JoinType::LeftJoin, work.clone()).filter(users::hidden()).filter(counted);
    let came_back = select().join(JoinType::InnerJoin, work).filter(users::visible()).filter(Column::Hidden.eq(true));
    let left: Vec<UserId> = left.into_tuple().all(db).await?;
    let came_back: Vec<UserId> = came_back.into_tuple().all(db).await?;
    Ok(left.into_iter().map(|id| (id, true)).chain(came_back.into_iter().map(|id| (id, false))).collect())
}

/// Schedules a recount, due now, of every post that one of these people has liked or commented on. The value is true
/// for a person who is hidden, and false for one who is visible again. A recount for the same person that is under way
/// begins anew.
pub(crate) async fn schedule(tx: &Tx, people: BTreeMap<UserId, bool>) -> Result<(), DbErr> {
    let now = tx.clock().now();
    let rows = people.into_iter().map(|(user, hidden)| ActiveModel {
        user_id: Set(user),
        hidden: Set(hidden),
        after_post: Set(PostId(0)),
        rounds: Set(0),
        due_at: Set(Some(now)),
    });
    let begin_anew = OnConflict::column(Column::UserId)
        .update_columns([Column::Hidden, Column::AfterPost, Column::Rounds, Column::DueAt])
        .to_owned();
    insert_rows(&**tx, rows.collect(), Some(begin_anew)).await
}

/// Finds the recount that has been due for longest, and locks it until the transaction ends. Recounts that another
/// replica has locked are skipped, so that replicas recount for different people. `None` when none is due.
pub(crate) async fn lock_next_due(tx: &Tx) -> Result<Option<Model>, DbErr> {
    let due = Entity::find()
        .filter(Column::DueAt.lte(tx.clock().now()))
        .order_by_asc(Column::DueAt)
        .order_by_asc(Column::UserId)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    due.one(&**tx).await
}

/// Locks the recounts for these people until the transaction ends, so that none of them proceeds meanwhile. A
/// transaction that writes likes or comments of these people, and counts again, needs this lock. Without the lock it
/// could count while a person is still left out, and commit after the recount that brings the person back has looked
/// for the person's posts; its rows would then never be counted. SQLite has one writer and needs no lock.
pub(crate) async fn lock_shared(tx: &Tx, people: BTreeSet<UserId>) -> Result<(), DbErr> {
    if people.is_empty() {
        return Ok(());
    }
    let rows = Entity::find().filter(Column::UserId.is_in(pad_to_power_of_two(people)));
    rows.order_by_asc(Column::UserId).lock_shared().all(&**tx).await.map(|_| ())
}

/// Finds the next posts of a recount, in the order of their ids, among the posts that the person has ever liked or
/// commented on: as many as one transaction counts in a moment. The result is empty when the round is complete.
pub(crate) async fn next_posts(tx: &Tx, work: &Model) -> Result<Vec<PostId>, DbErr> {
    // Likes that were taken back and comments that are deleted are included, because a write that raced with the block
    // may have changed the counters of their posts.
    let liked = like_rows::Entity::find()
        .select_only()
        .column(like_rows::Column::PostId)
        .filter(like_rows::Column::UserId.eq(work.user_id))
        .filter(like_rows::Column::PostId.gt(work.after_post))
        .order_by_asc(like_rows::Column::PostId)
        .limit(PAGE);
    let commented = comment_rows::Entity::find()
        .select_only()
        .column(comment_rows::Column::PostId)
        .distinct()
        .filter(comment_rows::Column::AuthorId.eq(work.user_id))
        .filter(comment_rows::Column::PostId.gt(work.after_post))
        .order_by_asc(comment_rows::Column::PostId)
        .limit(PAGE);
    let mut ids: BTreeSet<PostId> = liked.into_tuple().all(&**tx).await?.into_iter().collect();
    ids.extend(commented.into_tuple::<PostId>().all(&**tx).await?);
    // Each of the two queries returns the lowest ids of its table, so the lowest of both together leave no post out.
    let ids: Vec<PostId> = ids.into_iter().take(PAGE as usize).collect();
    take_countable(tx, ids).await
}

/// Takes posts from the front of `ids` while their counters add up to at most [`MAX_ROWS`] likes and comments. The
/// first post is always taken.
async fn take_countable(tx: &Tx, ids: Vec<PostId>) -> Result<Vec<PostId>, DbErr> {
    let counters =
        counts::Entity::find().filter(counts::Column::PostId.is_in(pad_to_power_of_two(ids.iter().copied())));
    let rows: HashMap<PostId, i64> =
        counters.all(&**tx).await?.into_iter().map(|row| (row.post_id, row.like_count + row.comment_count)).collect();
    let mut sum = 0;
    let fits = |id: &PostId| {
        let is_first = sum == 0;
        sum += 1 + rows.get(id).copied().unwrap_or(0);
        is_first || sum <= MAX_ROWS
    };
    Ok(ids.into_iter().take_while(fits).collect())
}

/// Stores the progress of a recount. `last` is the last post that was counted, or `None` at the end of a round. Then
/// the recount for a hidden person pauses until the next round, if there is one, and the recount for a visible person
/// is deleted.
pub(crate) async fn store_progress(tx: &Tx, work: Model, last: Option<PostId>) -> Result<(), DbErr> {
    let mut row = ActiveModel { user_id: Unchanged(work.user_id), ..ActiveModel::default() };
    if let Some(last) = last {
        row.after_post = Set(last);
    } else if work.hidden {
        let pause = usize::try_from(work.rounds).ok().and_then(|round| PAUSES.get(round));
        row.after_post = Set(PostId(0));
        row.rounds = Set(work.rounds + 1);
        // After the last round the row stays, without a time: it says that this person is not counted.
        row.due_at = Set(pause.map(|pause| tx.clock().now() + *pause));
    } else {
        return Entity::delete_by_id(work.user_id).exec(&**tx).await.map(|_| ());
    }
    Entity::update(row).exec(&**tx).await.map(|_| ())
}
