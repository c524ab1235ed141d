//! The SQL queries for the list of accounts, which read people together with the decisions about them.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::db::entities::{decisions, users};
use crate::domain::target::Kind;

/// Lists up to `limit` people, newest first, all with ids below `after` if it is given. The flag beside each row is
/// true when the owner has not applied the last decision about the person yet.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    after: Option<i64>,
    limit: u64,
) -> Result<Vec<(users::Model, bool)>, DbErr> {
    let mut query = users::Entity::find().order_by_desc(users::Column::Id).limit(limit);
    if let Some(after) = after {
        query = query.filter(users::Column::Id.lt(after));
    }
    let rows = query.all(db).await?;
    let decided = decisions::Entity::find()
        .filter(decisions::Column::Kind.eq(Kind::User.as_str()))
        .filter(decisions::Column::TargetId.is_in(rows.iter().map(|row| row.id.0)))
        .all(db)
        .await?;
    let hidden: HashMap<i64, bool> = decided.into_iter().map(|row| (row.target_id, row.hidden)).collect();
    let is_pending = |row: &users::Model| hidden.get(&row.id.0).is_some_and(|hidden| *hidden != row.blocked);
    Ok(rows.into_iter().map(|row| (row.clone(), is_pending(&row))).collect())
}
