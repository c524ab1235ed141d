//! Subscriptions.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, SelectStatement};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
};
use shared::db::{Tx, insert_rows_returning, padded};
use shared::http::Page;
use shared::ids::UserId;

use super::users;
use crate::db::entities::subscriptions::{ActiveModel, Column, Entity, Model};
use crate::db::entities::users::Model as User;

/// Which end of a subscription is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Who follows a person.
    Followers,
    /// Whom a person follows.
    Following,
}

/// Switches a subscription on. `None`: it was on already.
pub(crate) async fn follow(tx: &Tx, follower: UserId, followee: UserId) -> Result<Option<Model>, DbErr> {
    let row = ActiveModel {
        follower_id: Set(follower),
        followee_id: Set(followee),
        active: Set(true),
        version: Set(1),
        created_at: Set(tx.clock().now()),
    };
    let again = OnConflict::columns([Column::FollowerId, Column::FolloweeId])
        .values([(Column::Active, true.into()), (Column::Version, Expr::col((Entity, Column::Version)).add(1))])
        .action_and_where(Expr::col((Entity, Column::Active)).eq(false))
        .to_owned();
    Ok(insert_rows_returning(tx, vec![row], Some(again)).await?.pop())
}

/// Switches a subscription off. `None`: it was not on.
pub(crate) async fn unfollow(tx: &Tx, follower: UserId, followee: UserId) -> Result<Option<Model>, DbErr> {
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

/// The ids that somebody follows.
pub(crate) fn followed_by(follower: UserId) -> SelectStatement {
    active().filter(Column::FollowerId.eq(follower)).select_only().column(Column::FolloweeId).into_query()
}

/// Whom these people follow, as pairs.
pub(crate) async fn followed_by_all(
    db: &impl ConnectionTrait,
    followers: &[i64],
) -> Result<Vec<(UserId, UserId)>, DbErr> {
    let pairs = active().filter(Column::FollowerId.is_in(padded(followers.iter().copied())));
    pairs.select_only().columns([Column::FollowerId, Column::FolloweeId]).into_tuple().all(db).await
}

/// Which of these people somebody follows.
pub(crate) async fn followed_among(
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

/// A page of one side of a person's subscriptions, newest account first, and how many there are.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    side: Side,
    id: UserId,
    page: &Page,
) -> Result<(Vec<User>, u64), DbErr> {
    let (this, other) = match side {
        Side::Followers => (Column::FolloweeId, Column::FollowerId),
        Side::Following => (Column::FollowerId, Column::FolloweeId),
    };
    let all = active().filter(this.eq(id)).filter(other.in_subquery(users::visible_ids()));
    let total = all.clone().count(db).await?;
    let mut rows = all.order_by_desc(other).limit(page.fetch()).select_only().column(other);
    if let Some(after) = page.after {
        rows = rows.filter(other.lt(after));
    }
    let ids: Vec<UserId> = rows.into_tuple().all(db).await?;
    let mut people = users::find(db, ids.iter().copied()).await?;
    Ok((ids.iter().filter_map(|id| people.remove(id)).collect(), total))
}

fn active() -> Select<Entity> {
    Entity::find().filter(Column::Active.eq(true))
}
