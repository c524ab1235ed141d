//! The SQL queries on the table `users`, the copy of users.

use std::collections::HashMap;

use sea_orm::FromQueryResult;
use sea_orm::entity::prelude::*;
use shared::clock::Timestamp;
use shared::db::{Reads, pad_to_power_of_two};
use shared::ids::UserId;

use crate::db::entities::{likes, posts, users};

/// A visible person.
#[derive(Debug, FromQueryResult)]
pub(crate) struct VisibleUser {
    pub(crate) id: UserId,
    pub(crate) username: String,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) created_at: Timestamp,
}

/// Finds the visible people among `ids`, by their ids: people whose profile is known and who are neither blocked nor
/// erased.
pub(crate) async fn find_visible(db: &Reads, ids: &[UserId]) -> Result<HashMap<UserId, VisibleUser>, DbErr> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = users::Entity::find()
        .filter(users::Column::Id.is_in(pad_to_power_of_two(ids.iter().copied())))
        .filter(users::Column::Deleted.eq(false))
        .filter(users::Column::Blocked.eq(false))
        .filter(users::Column::Username.is_not_null())
        .filter(users::Column::CreatedAt.is_not_null())
        .into_model::<VisibleUser>()
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Returns whether the copies hold a post or an active like of a person.
pub(crate) async fn has_posts_or_likes(db: &impl ConnectionTrait, user: UserId) -> Result<bool, DbErr> {
    let posts = posts::Entity::find().filter(posts::Column::AuthorId.eq(user));
    let likes = likes::Entity::find().filter(likes::Column::UserId.eq(user)).filter(likes::Column::Deleted.eq(false));
    Ok(posts.one(db).await?.is_some() || likes.one(db).await?.is_some())
}
