//! The SQL queries on the table `likes`, the copy of likes.

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};
use shared::ids::UserId;

use crate::db::entities::likes::{Column, Entity};

/// Returns whether the copy holds a like of a person that was not taken back.
pub(crate) async fn has_any_of(db: &impl ConnectionTrait, person: UserId) -> Result<bool, DbErr> {
    let likes = Entity::find().filter(Column::UserId.eq(person)).filter(Column::Deleted.eq(false));
    Ok(likes.one(db).await?.is_some())
}
