//! People.

use std::collections::HashMap;

use sea_orm::sea_query::SelectStatement;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, QueryTrait,
};
use shared::ids::UserId;

use crate::db::entities::users::{Column, Entity, Model};
use crate::error::Error;

/// People who are shown: known, verified, neither blocked nor erased.
pub(crate) fn visible() -> Condition {
    Condition::all().add(Column::Deleted.eq(false)).add(Column::Blocked.eq(false)).add(Column::Verified.eq(true))
}

/// The ids of these people.
pub(crate) fn visible_ids() -> SelectStatement {
    Entity::find().filter(visible()).select_only().column(Column::Id).into_query()
}

/// Fails unless the person is shown.
pub(crate) async fn require(db: &impl ConnectionTrait, id: UserId) -> Result<(), Error> {
    match Entity::find_by_id(id).filter(visible()).count(db).await? {
        0 => Err(Error::UserNotFound),
        _ => Ok(()),
    }
}

/// These people, as far as they are shown.
pub(crate) async fn find(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = UserId>,
) -> Result<HashMap<UserId, Model>, DbErr> {
    let rows = Entity::find().filter(Column::Id.is_in(ids)).filter(visible()).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}
