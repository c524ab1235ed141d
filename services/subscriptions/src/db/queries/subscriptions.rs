//! The SQL statements on the table `subscriptions`, which holds pairs of follower and followee.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, SelectStatement};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
};
use shared::db::{insert_rows_returning, pad_to_power_of_two};
use shared::ids::UserId;
use shared::work::Tx;

use super::users;
use crate::db::entities::subscriptions::{ActiveModel, Column, Entity, Model};
use crate::db::entities::users::Model as User;

/// A direction in which subscriptions are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The people who follow a person.
    Followers,
    /// The people whom a person follows.
    Following,
}

impl Side {
    /// The column of the person whose subscriptions these are, and that of the other people.
    fn columns(self) -> (Column, Column) {
        match self {
            Self::Followers => (Column::FolloweeId, Column::FollowerId),
            Self::Following => (Column::FollowerId, Column::FolloweeId),
        }
    }
}

/// Activates a subscription, which creates it the first time, and returns the stored row. `None` means that it was
/// active already.
pub(crate) async fn activate(tx: &Tx, follower: UserId, followee: UserId) -> Result<Option<Model>, DbErr> {
    let row = ActiveModel {
        follower_id: Set(follower),
        followee_id: Set(followee),
        active: Set(true),
        version: Set(1),
        created_at: Set(tx.clock().now()),
    };
    // The condition makes an active row return nothing, so that one statement decides even when two requests race.
    let reactivate = OnConflict::columns([Column::FollowerId, Column::FolloweeId])
        .values([(Column::Active, true.into()), (Column::Version, Expr::col((Entity, Column::Version)).add(1))])
        .action_and_where(Expr::col((Entity, Column::Active)).eq(false))
        .to_owned();
    Ok(insert_rows_returning(tx, vec![row], Some(reactivate)).await?.pop())
}

/// Deactivates a subscription and returns the stored row. `None` means that it was not active.
pub(crate) async fn deactivate(tx: &Tx, follower: UserId, followee: UserId) -> Result<Option<Model>, DbErr> {
    let mut rows = Entity::update_many()
        .col_expr(Column::Active, Expr::value(false))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::FollowerId.eq(follower))
        .filter(Column::FolloweeId.eq(followee))
        .filter(Column::Active.eq(true))
        .exec_with_returning(&**tx)
        .await?;
    Ok(rows.pop())
}

/// Deactivates up to `limit` subscriptions in which a person is on `side`, and returns the stored rows.
pub(crate) async fn deactivate_some(tx: &Tx, side: Side, person: UserId, limit: u64) -> Result<Vec<Model>, DbErr> {
    let (this, other) = side.columns();
    // Locked in the order of the other people, so that two transactions cannot wait for each other.
    let others: Vec<UserId> = active()
        .filter(this.eq(person))
        .order_by_asc(other)
        .limit(limit)
        .lock_exclusive()
        .select_only()
        .column(other)
        .into_tuple()
        .all(&**tx)
        .await?;
    if others.is_empty() {
        return Ok(Vec::new());
    }
    Entity::update_many()
        .col_expr(Column::Active, Expr::value(false))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(this.eq(person))
        .filter(other.is_in(others))
        .filter(Column::Active.eq(true))
        .exec_with_returning(&**tx)
        .await
}

/// Builds the subquery that selects the ids of the people whom a person follows.
pub(crate) fn followed_ids(follower: UserId) -> SelectStatement {
    active().filter(Column::FollowerId.eq(follower)).select_only().column(Column::FolloweeId).into_query()
}

/// Finds the active subscriptions of these followers, visible or not, as (follower, followee).
pub(crate) async fn find_followed_by_all(
    db: &impl ConnectionTrait,
    followers: &[i64],
) -> Result<Vec<(UserId, UserId)>, DbErr> {
    let pairs = active().filter(Column::FollowerId.is_in(pad_to_power_of_two(followers.iter().copied())));
    pairs.select_only().columns([Column::FollowerId, Column::FolloweeId]).into_tuple().all(db).await
}

/// Returns those of `ids` that are people whom `follower` follows, visible or not, by ascending id.
pub(crate) async fn find_followed_among(
    db: &impl ConnectionTrait,
    follower: UserId,
    ids: &[UserId],
) -> Result<Vec<UserId>, DbErr> {
    let rows = active()
        .filter(Column::FollowerId.eq(follower))
        .filter(Column::FolloweeId.is_in(ids.iter().copied()))
        .order_by_asc(Column::FolloweeId)
        .select_only()
        .column(Column::FolloweeId);
    rows.into_tuple().all(db).await
}

/// Lists up to `limit` visible people on one side of a person's subscriptions, newest account first, all with ids below
/// `after` if it is given, without people whom the reader does not see. The number counts these too. Also returns the number of people on all pages.
pub(crate) async fn list_people(
    db: &impl ConnectionTrait,
    side: Side,
    id: UserId,
    reader: Option<UserId>,
    after: Option<i64>,
    limit: u64,
) -> Result<(Vec<User>, u64), DbErr> {
    let (this, other) = side.columns();
    let all = active().filter(this.eq(id)).filter(other.in_subquery(users::visible_ids()));
    let total = all.clone().count(db).await?;
    let mut rows = all.order_by_desc(other).limit(limit).select_only().column(other);
    if let Some(reader) = reader {
        rows = rows.filter(users::is_seen_by(reader, (Entity, other)));
    }
    if let Some(after) = after {
        rows = rows.filter(other.lt(after));
    }
    let ids: Vec<UserId> = rows.into_tuple().all(db).await?;
    let mut people = users::find_visible(db, ids.iter().copied()).await?;
    Ok((ids.iter().filter_map(|id| people.remove(id)).collect(), total))
}

fn active() -> Select<Entity> {
    Entity::find().filter(Column::Active.eq(true))
}
