//! The SQL queries on the table `comments`, the copy of comments.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use shared::db::pad_to_power_of_two;
use shared::ids::UserId;

use crate::db::entities::comments::{Column, Entity};
use crate::domain::ids::CommentId;

/// Reads the contents of comments that are not deleted, by their ids.
pub(crate) async fn find_contents(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = CommentId>,
) -> Result<HashMap<CommentId, String>, DbErr> {
    let rows = Entity::find()
        .filter(Column::Id.is_in(pad_to_power_of_two(ids)))
        .filter(Column::Content.is_not_null())
        .select_only()
        .columns([Column::Id, Column::Content]);
    Ok(rows.into_tuple::<(CommentId, String)>().all(db).await?.into_iter().collect())
}

/// Returns whether the copy holds a comment of a person, shown or not. A tombstone names no author.
pub(crate) async fn has_any_of(db: &impl ConnectionTrait, author: UserId) -> Result<bool, DbErr> {
    Ok(Entity::find().filter(Column::AuthorId.eq(author)).one(db).await?.is_some())
}
