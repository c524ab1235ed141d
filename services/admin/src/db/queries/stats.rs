//! The SQL queries of the statistics, which are counted from the copies.
//!
//! Posts, comments and likes follow one rule. A post counts unless its author has deleted it or an admin has removed
//! it, whoever wrote it. The comments and likes on a post count as the post's own counters say, which the service posts
//! keeps equal to the lengths of the post's lists.

use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, QueryTrait};
use shared::clock::Timestamp;

use crate::db::entities::{counts, posts, users};

/// The length of the window of the `last_24h` numbers.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The numbers of people, posts, comments and likes, counted from the copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) total_users: u64,
    pub(crate) active_users: u64,
    pub(crate) blocked_users: u64,
    pub(crate) users_last_24h: u64,
    pub(crate) total_posts: u64,
    pub(crate) posts_last_24h: u64,
    pub(crate) total_comments: i64,
    pub(crate) total_likes: i64,
}

/// Counts all numbers in seven queries; the last 24 hours end at `now`. The queries do not share a snapshot, so the
/// numbers may be of slightly different moments.
pub(crate) async fn count_all(db: &impl ConnectionTrait, now: Timestamp) -> Result<Counted, DbErr> {
    let people = users::Entity::find().filter(users::Column::Deleted.eq(false));
    let written = posts::Entity::find().filter(posts::Column::Deleted.eq(false));
    let shown = written.clone().select_only().column(posts::Column::Id).into_query();
    // On Postgres the sum of a BIGINT is a NUMERIC, which does not read back as i64 without the cast.
    let sum = |column: counts::Column| Expr::col(column).sum().cast_as("bigint");
    let sums: Option<(Option<i64>, Option<i64>)> = counts::Entity::find()
        .filter(counts::Column::Id.in_subquery(shown))
        .select_only()
        .column_as(sum(counts::Column::LikeCount), "likes")
        .column_as(sum(counts::Column::CommentCount), "comments")
        .into_tuple()
        .one(db)
        .await?;
    let (likes, comments) = sums.unwrap_or_default();
    let active = people.clone().filter(users::Column::Verified.eq(true)).filter(users::Column::Blocked.eq(false));
    Ok(Counted {
        total_users: people.clone().count(db).await?,
        active_users: active.count(db).await?,
        blocked_users: people.clone().filter(users::Column::Blocked.eq(true)).count(db).await?,
        users_last_24h: people.filter(users::Column::CreatedAt.gt(now - DAY)).count(db).await?,
        total_posts: written.clone().count(db).await?,
        posts_last_24h: written.filter(posts::Column::CreatedAt.gt(now - DAY)).count(db).await?,
        total_comments: comments.unwrap_or_default(),
        total_likes: likes.unwrap_or_default(),
    })
}
