//! The work of recounting: whose likes and comments the counters leave out, and how far the counters have followed.
//!
//! The work is found by comparing the copy of users with the table `recounts`. So nothing is lost when a process dies
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

/// The most people, and the most posts of one person, that one transaction handles.
const PAGE: u64 = 100;
/// The most likes and comments that one transaction counts, unless a single post has more.
const MAX_ROWS: i64 = 20_000;
/// The pauses between the rounds while a person is hidden. A write that was under way when the block was applied counts
/// itself, and a replica that has not heard of the block accepts more writes until the access token expires. The
/// repeated rounds correct both.
const PAUSES: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(11 * 60)];

/// The ids of the people whose likes and comments the counters leave out, as a subquery.
pub(crate) fn uncounted_ids() -> SelectStatement {
    Entity::find().select_only().column(Column::UserId).filter(Column::Hidden.eq(true)).into_query()
}

/// Finds people who are hidden and still counted (true), or visible again and not counted (false).
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

/// Schedules a recount, from now, of every post that one of these people has liked or commented. The flag is true for a
/// person who is hidden. Work on an earlier change of the same person begins anew.
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

/// Takes the work that has been due for longest, and locks it until the transaction ends. Work that another replica has
/// locked is skipped, so that replicas recount for different people.
pub(crate) async fn lock_next_due(tx: &Tx) -> Result<Option<Model>, DbErr> {
    let due = Entity::find()
        .filter(Column::DueAt.lte(tx.clock().now()))
        .order_by_asc(Column::DueAt)
        .order_by_asc(Column::UserId)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    due.one(&**tx).await
}

/// Holds the work on these people still until the transaction ends. A transaction that writes for them and counts again
/// needs it: otherwise it could count while they are still left out, and store its rows after the work that brings them
/// back has looked for their posts, and then nobody would count these rows. SQLite has one writer and needs no lock.
pub(crate) async fn lock_shared(tx: &Tx, people: BTreeSet<UserId>) -> Result<(), DbErr> {
    if people.is_empty() {
        return Ok(());
    }
    let rows = Entity::find().filter(Column::UserId.is_in(pad_to_power_of_two(people)));
    rows.order_by_asc(Column::UserId).lock_shared().all(&**tx).await.map(|_| ())
}

/// The next posts, in the order of their ids, that the person has ever liked or commented: as many as one transaction
/// counts in a moment. No post is left when the round is complete.
pub(crate) async fn next_posts(tx: &Tx, work: &Model) -> Result<Vec<PostId>, DbErr> {
    // Likes that are off and comments that are deleted are included, because a write that raced with the block may have
    // changed the counters by them.
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
    // Each of the two queries has the lowest ids of its table, so the lowest of both together miss none.
    let ids: Vec<PostId> = ids.into_iter().take(PAGE as usize).collect();
    take_countable(tx, ids).await
}

/// Takes posts until their counters promise more than [`MAX_ROWS`] rows; the first post is always taken.
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

/// Stores the progress of work: the last post that was counted, or `None` at the end of a round. At the end of a round
/// the work rests until the next one if the person is hidden, and is deleted if not.
pub(crate) async fn store_progress(tx: &Tx, work: Model, last: Option<PostId>) -> Result<(), DbErr> {
    let mut row = ActiveModel { user_id: Unchanged(work.user_id), ..ActiveModel::default() };
    if let Some(last) = last {
        row.after_post = Set(last);
    } else if work.hidden {
        let pause = usize::try_from(work.rounds).ok().and_then(|round| PAUSES.get(round));
        row.after_post = Set(PostId(0));
        row.rounds = Set(work.rounds + 1);
        // After the last round the row stays without a date: it says that this person is not counted.
        row.due_at = Set(pause.map(|pause| tx.clock().now() + *pause));
    } else {
        return Entity::delete_by_id(work.user_id).exec(&**tx).await.map(|_| ());
    }
    Entity::update(row).exec(&**tx).await.map(|_| ())
}
