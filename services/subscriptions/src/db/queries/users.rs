//! The SQL statements on the table `users`, the copy of users, and the rule that decides who is visible.

use std::collections::HashMap;

use sea_orm::sea_query::SelectStatement;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect, QueryTrait,
};
use shared::ids::UserId;

use crate::db::entities::users::{Column, Entity, Model};

/// Builds the condition for visible people: known, verified, neither blocked nor erased.
pub(crate) fn visible() -> Condition {
    Condition::all().add(Column::Deleted.eq(false)).add(Column::Blocked.eq(false)).add(Column::Verified.eq(true))
}

/// Builds the subquery that selects the ids of visible people.
pub(crate) fn visible_ids() -> SelectStatement {
    Entity::find().filter(visible()).select_only().column(Column::Id).into_query()
}

/// Returns whether a person is visible.
pub(crate) async fn is_visible(db: &impl ConnectionTrait, id: UserId) -> Result<bool, DbErr> {
    Ok(Entity::find_by_id(id).filter(visible()).count(db).await? > 0)
}

/// Finds the visible people among `ids`, by their ids.
pub(crate) async fn find_visible(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = UserId>,
) -> Result<HashMap<UserId, Model>, DbErr> {
    let rows = Entity::find().filter(Column::Id.is_in(ids)).filter(visible()).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}
