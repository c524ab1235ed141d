//! Counters and what they count: the one rule, and the work that keeps it when people are hidden or come back.
//!
//! `like_count` and `comment_count` are the numbers of likes and comments that the lists show. The writes themselves keep
//! them so, under the lock of the post's counters. Here they are counted anew under the same lock.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, OnConflict, SelectStatement, SubQueryStatement};
use sea_orm::{
    ActiveValue::{Set, Unchanged},
    ColumnTrait, Condition, DbErr, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, RelationDef, Select,
};
use shared::db::{Reads, Tx, insert_rows, padded};
use shared::events;
use shared::events::outbox::PublishError;
use shared::ids::UserId;

use super::posts::{Change, CountsState};
use super::{comments, likes, posts, users};
use crate::db::entities::recounts::{ActiveModel, Column, Entity, Model};
use crate::db::entities::{comments as comment_rows, counts, likes as like_rows, users as people};
use crate::domain::ids::PostId;

/// Posts, or people, per query.
const PAGE: u64 = 100;
/// Likes and comments that are counted in one transaction, unless one post alone has more.
const ROWS: i64 = 20_000;
/// How long after a round the next one follows, while somebody is hidden. Writes may still be under way when a block is
/// applied, and a replica that has not heard of it takes more of them until the access token ends: each counts itself.
const LATER: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(11 * 60)];

/// The counters of a post as they are, and as they should be.
#[derive(Clone, Debug, FromQueryResult)]
struct Tally {
    post_id: PostId,
    version: i64,
    like_count: i64,
    comment_count: i64,
    likes: i64,
    comments: i64,
}

impl Tally {
    /// By how much the counters are wrong.
    fn change(&self) -> Change {
        let (likes, comments) = (self.likes - self.like_count, self.comments - self.comment_count);
        Change { likes, comments, views: 0 }
    }
}

/// Counts what the counters of posts count, without the likes and comments of those who are hidden. It is one statement, so
/// that it sees one moment.
fn tallies(hidden: &SelectStatement) -> Select<counts::Entity> {
    use counts::Column as C;
    let of_post = |post: SelectStatement| Expr::from(SubQueryStatement::SelectStatement(post));
    let liked = like_rows::Entity::find()
        .select_only()
        .column_as(like_rows::Column::UserId.count(), "n")
        .filter(likes::counted(hidden.clone()))
        .filter(Expr::col((like_rows::Entity, like_rows::Column::PostId)).equals((counts::Entity, C::PostId)))
        .into_query();
    let said = comment_rows::Entity::find()
        .select_only()
        .column_as(comment_rows::Column::Id.count(), "n")
        .filter(comments::counted(hidden.clone()))
        .filter(Expr::col((comment_rows::Entity, comment_rows::Column::PostId)).equals((counts::Entity, C::PostId)))
        .into_query();
    counts::Entity::find()
        .select_only()
        .columns([C::PostId, C::Version, C::LikeCount, C::CommentCount])
        .column_as(of_post(liked), "likes")
        .column_as(of_post(said), "comments")
        .order_by_asc(C::PostId)
}

/// Locks the counters of posts, in the order of the posts. SQLite has no row locks and needs none: the transaction is the only
/// writer.
pub(crate) async fn lock(tx: &Tx, ids: Vec<PostId>) -> Result<(), DbErr> {
    use counts::Column as C;
    let these = counts::Entity::find().filter(C::PostId.is_in(padded(ids))).order_by_asc(C::PostId).lock_exclusive();
    these.all(&**tx).await.map(|_| ())
}

/// Counts the likes and comments of posts again, under the lock of their counters, and publishes what was wrong.
pub(crate) async fn recount<E: From<DbErr> + From<PublishError>>(tx: &mut Tx, ids: Vec<PostId>) -> Result<(), E> {
    if ids.is_empty() {
        return Ok(());
    }
    // A statement of its own: what follows sees all that was committed before these locks were had.
    lock(tx, ids.clone()).await?;
    let these = counts::Column::PostId.is_in(padded(ids));
    // Who is hidden is asked of the noted work, not of the copy of users: somebody who is blocked and let in again meanwhile
    // would else be left out here, and nothing would say so.
    let noted = Entity::find().select_only().column(Column::UserId).filter(Column::Hidden.eq(true)).into_query();
    let tallies: Vec<Tally> = tallies(&noted).filter(these).into_model().all(&**tx).await?;
    let changes = tallies.into_iter().map(|tally| (tally.post_id, tally.change())).collect();
    let changed: Vec<CountsState> = posts::count(tx, changes).await?.into_iter().map(CountsState::from).collect();
    Ok(events::publish(tx, &changed)?)
}

/// The posts whose counters are not what their lists show, with the counters' versions.
pub(crate) async fn miscounted(db: &Reads) -> Result<Vec<(PostId, i64)>, DbErr> {
    let (mut wrong, mut after) = (Vec::new(), PostId(0));
    let hidden = users::hidden_ids();
    loop {
        let page = tallies(&hidden).filter(counts::Column::PostId.gt(after)).limit(PAGE);
        let page: Vec<Tally> = page.into_model().all(db).await?;
        let Some(last) = page.last() else { return Ok(wrong) };
        after = last.post_id;
        let differ = page.iter().filter(|tally| tally.change() != Change::default());
        wrong.extend(differ.map(|tally| (tally.post_id, tally.version)));
    }
}

/// People who are hidden and still counted, or shown and not counted.
pub(crate) async fn changed(db: &Reads) -> Result<BTreeMap<UserId, bool>, DbErr> {
    let noted: RelationDef = people::Entity::belongs_to(Entity).from(people::Column::Id).to(Column::UserId).into();
    let counted = Condition::any().add(Column::Hidden.is_null()).add(Column::Hidden.eq(false));
    let person = || people::Entity::find().select_only().column(people::Column::Id).limit(PAGE);
    let gone = person().join(JoinType::LeftJoin, noted.clone()).filter(users::hidden()).filter(counted);
    let back = person().join(JoinType::InnerJoin, noted).filter(users::visible()).filter(Column::Hidden.eq(true));
    let gone: Vec<UserId> = gone.into_tuple().all(db).await?;
    let back: Vec<UserId> = back.into_tuple().all(db).await?;
    Ok(gone.into_iter().map(|id| (id, true)).chain(back.into_iter().map(|id| (id, false))).collect())
}

/// Notes that everything which these people have liked or commented has to be counted again, now.
pub(crate) async fn note(tx: &Tx, people: BTreeMap<UserId, bool>) -> Result<(), DbErr> {
    let now = tx.clock().now();
    let rows = people.into_iter().map(|(user, hidden)| ActiveModel {
        user_id: Set(user),
        hidden: Set(hidden),
        after_post: Set(PostId(0)),
        rounds: Set(0),
        due_at: Set(Some(now)),
    });
    let again = OnConflict::column(Column::UserId)
        .update_columns([Column::Hidden, Column::AfterPost, Column::Rounds, Column::DueAt])
        .to_owned();
    insert_rows(&**tx, rows.collect(), Some(again)).await
}

/// Work that is due and that no other replica is doing; it is locked until the transaction ends.
pub(crate) async fn due(tx: &Tx) -> Result<Option<Model>, DbErr> {
    let due = Entity::find()
        .filter(Column::DueAt.lte(tx.clock().now()))
        .order_by_asc(Column::DueAt)
        .order_by_asc(Column::UserId)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    due.one(&**tx).await
}

/// The next posts that somebody ever liked or commented, as many as are counted in a moment.
pub(crate) async fn touched(tx: &Tx, work: &Model) -> Result<Vec<PostId>, DbErr> {
    let liked = like_rows::Entity::find()
        .select_only()
        .column(like_rows::Column::PostId)
        .filter(like_rows::Column::UserId.eq(work.user_id))
        .filter(like_rows::Column::PostId.gt(work.after_post))
        .order_by_asc(like_rows::Column::PostId)
        .limit(PAGE);
    let said = comment_rows::Entity::find()
        .select_only()
        .column(comment_rows::Column::PostId)
        .distinct()
        .filter(comment_rows::Column::AuthorId.eq(work.user_id))
        .filter(comment_rows::Column::PostId.gt(work.after_post))
        .order_by_asc(comment_rows::Column::PostId)
        .limit(PAGE);
    let mut ids: BTreeSet<PostId> = liked.into_tuple().all(&**tx).await?.into_iter().collect();
    ids.extend(said.into_tuple::<PostId>().all(&**tx).await?);
    let ids: Vec<PostId> = ids.into_iter().take(PAGE as usize).collect();
    let counters = counts::Entity::find().filter(counts::Column::PostId.is_in(padded(ids.iter().copied())));
    let rows: HashMap<PostId, i64> =
        counters.all(&**tx).await?.into_iter().map(|row| (row.post_id, row.like_count + row.comment_count)).collect();
    let mut sum = 0;
    let few = |id: &PostId| {
        let first = sum == 0;
        sum += 1 + rows.get(id).copied().unwrap_or(0);
        first || sum <= ROWS
    };
    Ok(ids.into_iter().take_while(few).collect())
}

/// Notes how far the work has come: up to this post, or to the end of a round.
pub(crate) async fn advance(tx: &Tx, work: Model, done: Option<PostId>) -> Result<(), DbErr> {
    let mut row = ActiveModel { user_id: Unchanged(work.user_id), ..ActiveModel::default() };
    if let Some(done) = done {
        row.after_post = Set(done);
    } else if work.hidden {
        let later = usize::try_from(work.rounds).ok().and_then(|round| LATER.get(round));
        row.after_post = Set(PostId(0));
        row.rounds = Set(work.rounds + 1);
        row.due_at = Set(later.map(|later| tx.clock().now() + *later));
    } else {
        return Entity::delete_by_id(work.user_id).exec(&**tx).await.map(|_| ());
    }
    Entity::update(row).exec(&**tx).await.map(|_| ())
}
