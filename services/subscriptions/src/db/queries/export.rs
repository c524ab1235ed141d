//! The SQL queries of a person's export. Subscriptions that have ended are among the rows.

use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::db::Reads;
use shared::ids::UserId;

use crate::db::entities::mutes;
use crate::db::entities::subscriptions::{Column, Entity, Model};

/// Reads subscriptions of a person in the order of the followees' ids, beginning after an id.
pub(crate) async fn page_following(db: &Reads, user: UserId, after: i64, limit: u64) -> Result<Vec<Model>, DbErr> {
    let own = Entity::find().filter(Column::FollowerId.eq(user)).filter(Column::FolloweeId.gt(after));
    own.order_by_asc(Column::FolloweeId).limit(limit).all(db).await
}

/// Reads the active subscriptions to a person in the order of the followers' ids, beginning after an id. When somebody
/// has stopped following the person is the follower's own business.
pub(crate) async fn page_followers(db: &Reads, user: UserId, after: i64, limit: u64) -> Result<Vec<Model>, DbErr> {
    let others = Entity::find().filter(Column::FolloweeId.eq(user)).filter(Column::Active.eq(true));
    others.filter(Column::FollowerId.gt(after)).order_by_asc(Column::FollowerId).limit(limit).all(db).await
}

/// Reads mutes of a person in the order of the muted people's ids, beginning after an id. Those that have ended are among
/// the rows.
pub(crate) async fn page_mutes(db: &Reads, user: UserId, after: i64, limit: u64) -> Result<Vec<mutes::Model>, DbErr> {
    let own = mutes::Entity::find().filter(mutes::Column::UserId.eq(user)).filter(mutes::Column::MutedId.gt(after));
    own.order_by_asc(mutes::Column::MutedId).limit(limit).all(db).await
}
