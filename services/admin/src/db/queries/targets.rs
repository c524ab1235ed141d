//! The SQL queries that look up the target of a decision in the copies of people, posts and comments.

use sea_orm::{ConnectionTrait, DbErr, EntityTrait};
use shared::ids::UserId;

use super::decisions;
use crate::db::entities::{comments, posts, users};
use crate::domain::target::{Kind, Target};

/// Finds a target together with the last decision about it. `None` means that no state of the target has arrived here.
pub(crate) async fn find(db: &impl ConnectionTrait, kind: Kind, id: i64) -> Result<Option<Target>, DbErr> {
    let Some((is_tombstone, removed)) = find_copy(db, kind, id).await? else { return Ok(None) };
    // A tombstone that does not say who deleted it may be a removal, so only `Some(false)` is the author's deletion.
    let is_deleted_by_author = is_tombstone && removed == Some(false);
    let is_hidden = decisions::find(db, kind, id).await?.is_some_and(|decision| decision.hidden);
    Ok(Some(Target { is_tombstone, is_deleted_by_author, is_hidden }))
}

/// Finds the copy of the owner's state, as (deleted, removed). `None` when there is no copy.
async fn find_copy(db: &impl ConnectionTrait, kind: Kind, id: i64) -> Result<Option<(bool, Option<bool>)>, DbErr> {
    Ok(match kind {
        Kind::User => users::Entity::find_by_id(UserId(id)).one(db).await?.map(|row| (row.deleted, None)),
        Kind::Post => posts::Entity::find_by_id(id).one(db).await?.map(|row| (row.deleted, row.removed)),
        Kind::Comment => comments::Entity::find_by_id(id).one(db).await?.map(|row| (row.deleted, row.removed)),
    })
}
