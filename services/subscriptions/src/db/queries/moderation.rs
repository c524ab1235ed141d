//! The SQL queries of what admins tell people: warnings, and the outcomes of reports.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::clock::Timestamp;
use shared::ids::UserId;

use crate::db::entities::moderated_people::{self, Warning};
use crate::db::entities::report_outcomes::{Column, Entity, Model};
use crate::domain::notices::{Place, Position};

/// Finds the warnings of a person that are older than `before` and newer than `since`. A person has few, so that all of
/// them are one row.
pub(crate) async fn find_warnings(
    db: &impl ConnectionTrait,
    person: UserId,
    (before, since): (Position, Option<Timestamp>),
) -> Result<Vec<(Position, Warning)>, DbErr> {
    let row = moderated_people::Entity::find_by_id(person).one(db).await?;
    let warnings = row.and_then(|row| row.warnings).unwrap_or_default().0;
    let placed = warnings.into_iter().map(|warning| {
        let position = Position { at: warning.at, place: Place::warning(warning.id) };
        (position, warning)
    });
    let is_wanted = |position: &Position| *position < before && since.is_none_or(|since| position.at > since);
    Ok(placed.filter(|(position, _)| is_wanted(position)).collect())
}

/// Returns whether the copy of the decisions about a person still has words of an admin.
pub(crate) async fn has_warnings(db: &impl ConnectionTrait, person: UserId) -> Result<bool, DbErr> {
    let row = moderated_people::Entity::find_by_id(person).one(db).await?;
    Ok(row.and_then(|row| row.warnings).is_some_and(|warnings| !warnings.0.is_empty()))
}

/// Finds up to `limit` reports of a person that have ended, newest end first: of the ends that are older than `before` and
/// newer than `since`.
pub(crate) async fn find_outcomes(
    db: &impl ConnectionTrait,
    person: UserId,
    (before, since): (Position, Option<Timestamp>),
    limit: u64,
) -> Result<Vec<(Position, Model)>, DbErr> {
    let columns = Expr::tuple([Expr::col((Entity, Column::ResolvedAt)), Expr::col((Entity, Column::Id))]);
    // The places of outcomes are in the order of the ids.
    let is_older = columns.lt(Expr::tuple([Expr::value(before.at), Expr::value(before.place.first_outcome_from())]));
    let mut query = Entity::find()
        .filter(Column::ReporterId.eq(person))
        .filter(Column::ResolvedAt.is_not_null())
        .filter(is_older)
        .order_by_desc(Column::ResolvedAt)
        .order_by_desc(Column::Id)
        .limit(limit);
    if let Some(since) = since {
        query = query.filter(Column::ResolvedAt.gt(since));
    }
    let placed = query.all(db).await?.into_iter().filter_map(|row| {
        let position = Position { at: row.resolved_at?, place: Place::outcome(row.id) };
        Some((position, row))
    });
    Ok(placed.collect())
}
