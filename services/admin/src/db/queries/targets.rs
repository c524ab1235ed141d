//! The SQL queries that look up the target of a decision in the copies of people, posts and comments.

use sea_orm::{DbErr, EntityTrait, QuerySelect};
use shared::ids::UserId;
use shared::work::Tx;

use super::decisions;
use crate::db::entities::decisions::Model;
use crate::db::entities::{comments, posts, users};
use crate::domain::target::{Kind, Target};

/// Finds a target together with the last decision about it, and locks the target until the transaction ends, so that
/// decisions about it are made one after the other. `None` means that no state of the target has arrived here.
pub(crate) async fn lock(tx: &Tx, kind: Kind, id: i64) -> Result<Option<(Target, Option<Model>)>, DbErr> {
    let Some((is_tombstone, removed)) = lock_copy(tx, kind, id).await? else { return Ok(None) };
    // A tombstone that does not say who deleted it may be a removal, so only `Some(false)` is the author's deletion.
    let is_deleted_by_author = is_tombstone && removed == Some(false);
    let decision = decisions::find(&**tx, kind, id).await?;
    let is_hidden = decision.as_ref().is_some_and(|decision| decision.hidden);
    Ok(Some((Target { is_tombstone, is_deleted_by_author, is_hidden }, decision)))
}

/// Finds and locks the copy of the owner's state, as (deleted, removed). `None` when there is no copy.
async fn lock_copy(tx: &Tx, kind: Kind, id: i64) -> Result<Option<(bool, Option<bool>)>, DbErr> {
    let db = &**tx;
    Ok(match kind {
        Kind::User => {
            let row = users::Entity::find_by_id(UserId(id)).lock_exclusive().one(db).await?;
            row.map(|row| (row.deleted, None))
        }
        Kind::Post => {
            let row = posts::Entity::find_by_id(id).lock_exclusive().one(db).await?;
            row.map(|row| (row.deleted, row.removed))
        }
        Kind::Comment => {
            let row = comments::Entity::find_by_id(id).lock_exclusive().one(db).await?;
            row.map(|row| (row.deleted, row.removed))
        }
    })
}
