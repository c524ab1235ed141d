//! The SQL statements on the table `post_counts`, which holds the counters of posts, and the one rule of what they
//! count.
//!
//! `like_count` and `comment_count` are the lengths of the lists of likes and comments. They count active likes, and
//! comments that are neither deleted nor removed, without those of people who are blocked or erased. `view_count` is
//! the number of all views (rule R11 of `docs/convergence.md`, and ADR 19).
//!
//! A write that knows by how much it changes the counters adds to them. Every other write counts the rows again. Both
//! hold the lock of the counters, so that no change gets lost.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Alias, Expr, ExprTrait, OnConflict, SelectStatement, SubQueryStatement};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, Select,
};
use shared::db::{Reads, insert_rows_returning, pad_to_power_of_two};
use shared::work::Tx;

use super::{comments, likes, recounts, users};
use crate::db::entities::counts::{ActiveModel, Column, Entity, Model};
use crate::db::entities::{comments as comment_rows, likes as like_rows};
use crate::domain::ids::PostId;

/// The number of posts whose counters one statement of [`find_miscounted`] checks.
const PAGE: u64 = 100;

/// The amounts to add to the counters of one post; negative amounts subtract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CountsChange {
    pub(crate) likes: i64,
    pub(crate) comments: i64,
    pub(crate) views: i64,
}

/// Adds these amounts to counters, under the rows' locks and in the order of the posts. Returns the rows that changed,
/// each with its next version. All changes of counters go through this function.
pub(crate) async fn add_to_counts(tx: &Tx, changes: BTreeMap<PostId, CountsChange>) -> Result<Vec<Model>, DbErr> {
    let changed = changes.into_iter().filter(|(_, change)| *change != CountsChange::default());
    // Every post has its row of counters from the beginning, so each of these inserts meets a conflict and becomes an
    // update. An upsert changes many rows by different amounts in one statement, which a plain update cannot.
    let rows = changed.map(|(post, change)| ActiveModel {
        post_id: Set(post),
        version: Set(1),
        like_count: Set(change.likes),
        comment_count: Set(change.comments),
        view_count: Set(change.views),
    });
    let sum = |column: Column| {
        let change = Expr::col((Alias::new("excluded"), column));
        (column, Expr::col((Entity, column)).add(change))
    };
    let add = OnConflict::column(Column::PostId)
        .values([sum(Column::Version), sum(Column::LikeCount), sum(Column::CommentCount), sum(Column::ViewCount)])
        .to_owned();
    insert_rows_returning(tx, rows.collect(), Some(add)).await
}

/// Locks the counters of posts until the transaction ends, in the order of the posts. SQLite has no row locks and needs
/// none, because the transaction is the only writer.
pub(crate) async fn lock(tx: &Tx, posts: Vec<PostId>) -> Result<(), DbErr> {
    let rows = Entity::find().filter(Column::PostId.is_in(pad_to_power_of_two(posts))).order_by_asc(Column::PostId);
    rows.lock_exclusive().all(&**tx).await.map(|_| ())
}

/// Counts the likes and comments of posts again, and corrects the counters that are wrong. Returns the corrected rows.
pub(crate) async fn recount(tx: &Tx, posts: Vec<PostId>) -> Result<Vec<Model>, DbErr> {
    if posts.is_empty() {
        return Ok(Vec::new());
    }
    // The locks need a statement of their own. On Postgres a statement sees what was committed when it began, so a
    // count that waited for the locks itself would miss what their last holder has just committed.
    lock(tx, posts.clone()).await?;
    let of_posts = Column::PostId.is_in(pad_to_power_of_two(posts));
    // The hidden people are those of the table `recounts`, and not those of the copy of users. With the copy, a person
    // who is blocked and unblocked at once could be left out here, and no recount would follow.
    let tallies: Vec<Tally> =
        select_tallies(&recounts::uncounted_ids()).filter(of_posts).into_model().all(&**tx).await?;
    let changes = tallies.into_iter().map(|tally| (tally.post_id, tally.correction())).collect();
    add_to_counts(tx, changes).await
}

/// Finds the posts whose counters differ from the lengths of their lists, each with the version of its counters. All
/// posts are read, page by page.
pub(crate) async fn find_miscounted(db: &Reads) -> Result<Vec<(PostId, i64)>, DbErr> {
    let (mut wrong, mut after) = (Vec::new(), PostId(0));
    let hidden = users::hidden_ids();
    loop {
        let page = select_tallies(&hidden).filter(Column::PostId.gt(after)).limit(PAGE);
        let page: Vec<Tally> = page.into_model().all(db).await?;
        let Some(last) = page.last() else { return Ok(wrong) };
        after = last.post_id;
        let differ = page.iter().filter(|tally| tally.correction() != CountsChange::default());
        wrong.extend(differ.map(|tally| (tally.post_id, tally.version)));
    }
}

/// The counters of a post as they are stored, beside the numbers of rows that they should equal.
#[derive(Clone, Debug, FromQueryResult)]
struct Tally {
    post_id: PostId,
    version: i64,
    like_count: i64,
    comment_count: i64,
    /// The value that `like_count` should have.
    likes: i64,
    /// The value that `comment_count` should have.
    comments: i64,
}

impl Tally {
    /// The amounts whose addition makes the stored counters right.
    fn correction(&self) -> CountsChange {
        let (likes, comments) = (self.likes - self.like_count, self.comments - self.comment_count);
        CountsChange { likes, comments, views: 0 }
    }
}

/// Selects [`Tally`] rows in the order of the posts. `hidden` is a subquery of the people whose likes and comments do
/// not count. One statement reads the counters and counts the rows, so that both are of the same moment.
fn select_tallies(hidden: &SelectStatement) -> Select<Entity> {
    let likes = like_rows::Entity::find()
        .select_only()
        .column_as(like_rows::Column::UserId.count(), "n")
        .filter(likes::counted_without(hidden.clone()))
        .filter(Expr::col((like_rows::Entity, like_rows::Column::PostId)).equals((Entity, Column::PostId)))
        .into_query();
    let comments = comment_rows::Entity::find()
        .select_only()
        .column_as(comment_rows::Column::Id.count(), "n")
        .filter(comments::counted_without(hidden.clone()))
        .filter(Expr::col((comment_rows::Entity, comment_rows::Column::PostId)).equals((Entity, Column::PostId)))
        .into_query();
    let number = |rows: SelectStatement| Expr::from(SubQueryStatement::SelectStatement(rows));
    Entity::find()
        .select_only()
        .columns([Column::PostId, Column::Version, Column::LikeCount, Column::CommentCount])
        .column_as(number(likes), "likes")
        .column_as(number(comments), "comments")
        .order_by_asc(Column::PostId)
}
