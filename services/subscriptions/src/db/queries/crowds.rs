//! The SQL queries of likes and follows that a person is told of. They come in crowds, so they are told together: the
//! likes of one post within a day, and the new followers of a day. Days are those of UTC.

use std::collections::BTreeMap;
use std::time::Duration;

use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, IntoIden, Order, Query, SelectStatement, WindowStatement};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, FromQueryResult};
use shared::clock::Timestamp;
use shared::ids::UserId;

use super::{posts, users};
use crate::db::entities::{likes, subscriptions};
use crate::domain::ids::PostId;
use crate::domain::notices::{Place, Position};

/// The number of people of a crowd who are named.
const NAMED: i64 = 3;
/// The most deeds of one kind that are told of one day. A day with more tells of the newest ones.
const MOST_OF_DAY: u64 = 10_000;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// People who did the same within a day.
#[derive(Clone, Debug)]
pub(crate) struct Crowd {
    /// The position of the newest deed.
    pub(crate) position: Position,
    /// Up to three of the people, newest first.
    pub(crate) named: Vec<UserId>,
    /// The number of people.
    pub(crate) total: i64,
}

/// The deeds of which crowds consist: rows of (`thing`, `actor_id`, `created_at`), in which the thing is what a crowd
/// has in common.
pub(crate) struct Deeds {
    rows: SelectStatement,
    place: fn(i64) -> Place,
}

impl Deeds {
    /// Selects the likes of a person's visible posts, by other people of whom the person hears. The thing is the post.
    pub(crate) fn likes_of(person: UserId) -> Self {
        use likes::{Column as C, Entity};
        let rows = Query::select()
            .expr_as(Expr::col((Entity, C::PostId)), "thing")
            .expr_as(Expr::col((Entity, C::UserId)), "actor_id")
            .column((Entity, C::CreatedAt))
            .from(Entity)
            .and_where(C::PostAuthorId.eq(person))
            .and_where(C::UserId.ne(person))
            .and_where(C::Deleted.eq(false))
            .cond_where(users::is_heard_by(person, (Entity, C::UserId)))
            .and_where(posts::is_shown((Entity, C::PostId)))
            .take();
        Self { rows, place: |post| Place::likes(PostId(post)) }
    }

    /// Selects the subscriptions to a person of followers of whom the person hears. They have all one thing in common.
    pub(crate) fn follows_of(person: UserId) -> Self {
        use subscriptions::{Column as C, Entity};
        let rows = Query::select()
            .expr_as(Expr::val(0_i64).cast_as("bigint"), "thing")
            .expr_as(Expr::col((Entity, C::FollowerId)), "actor_id")
            .column((Entity, C::CreatedAt))
            .from(Entity)
            .and_where(C::FolloweeId.eq(person))
            .and_where(C::Active.eq(true))
            .cond_where(users::is_heard_by(person, (Entity, C::FollowerId)))
            .take();
        Self { rows, place: |_| Place::FOLLOWERS }
    }

    /// Finds crowds that are older than `before` and newer than `since`, newest first: at least `limit` of them if there
    /// are as many. They are found day by day, so the work depends on how much happened in the days of the page, and not
    /// on how much happened in all.
    pub(crate) async fn find_crowds(
        &self,
        db: &impl ConnectionTrait,
        (before, since): (Position, Option<Timestamp>),
        limit: u64,
    ) -> Result<Vec<Crowd>, DbErr> {
        let mut found: Vec<Crowd> = Vec::new();
        let mut latest = before.at;
        while (found.len() as u64) < limit
            && let Some(newest) = self.find_newest(db, latest).await?
            && since.is_none_or(|since| newest > since)
        {
            let day = newest.start_of_day();
            let mut crowds = self.find_crowds_of_day(db, day).await?;
            crowds.retain(|crowd| crowd.position < before && since.is_none_or(|since| crowd.position.at > since));
            crowds.sort_unstable_by_key(|crowd| std::cmp::Reverse(crowd.position));
            found.extend(crowds);
            latest = day - Duration::from_micros(1);
        }
        Ok(found)
    }

    /// Finds the time of the newest deed that is not later than `latest`.
    async fn find_newest(&self, db: &impl ConnectionTrait, latest: Timestamp) -> Result<Option<Timestamp>, DbErr> {
        let mut query = self.rows.clone();
        query.and_where(Expr::col("created_at").lte(latest)).order_by("created_at", Order::Desc).limit(1);
        let row = Deed::find_by_statement(db.get_database_backend().build(&query)).one(db).await?;
        Ok(row.map(|row| row.created_at))
    }

    /// Finds the crowds of the day that begins at `day`.
    async fn find_crowds_of_day(&self, db: &impl ConnectionTrait, day: Timestamp) -> Result<Vec<Crowd>, DbErr> {
        let mut deeds = self.rows.clone();
        deeds.and_where(Expr::col("created_at").gte(day)).and_where(Expr::col("created_at").lt(day + DAY));
        deeds.order_by("created_at", Order::Desc).limit(MOST_OF_DAY);
        let things = || WindowStatement::partition_by("thing");
        let newest_first = things().order_by("created_at", Order::Desc).order_by("actor_id", Order::Desc).to_owned();
        let (nth, ranked): (Alias, Alias) = (Alias::new("nth"), Alias::new("ranked"));
        let all = Query::select()
            .columns(["thing", "actor_id", "created_at"])
            .expr_window_as(Func::cust("ROW_NUMBER"), newest_first, nth.clone())
            .expr_window_as(Expr::cust("COUNT(*)"), things(), "total")
            .from_subquery(deeds, "deeds")
            .take();
        let named = Query::select()
            .columns(["thing", "actor_id", "created_at", "total"])
            .from_subquery(all, ranked)
            .and_where(Expr::col(nth.clone()).lte(NAMED))
            .order_by(nth.into_iden(), Order::Asc)
            .take();
        let rows = Named::find_by_statement(db.get_database_backend().build(&named)).all(db).await?;
        let mut crowds: BTreeMap<i64, Crowd> = BTreeMap::new();
        for row in rows {
            // The first row of a thing is its newest.
            let position = Position { at: row.created_at, place: (self.place)(row.thing) };
            let crowd = crowds.entry(row.thing).or_insert(Crowd { position, named: Vec::new(), total: row.total });
            crowd.named.push(row.actor_id);
        }
        Ok(crowds.into_values().collect())
    }
}

#[derive(FromQueryResult)]
struct Deed {
    created_at: Timestamp,
}

#[derive(FromQueryResult)]
struct Named {
    thing: i64,
    actor_id: UserId,
    created_at: Timestamp,
    total: i64,
}
