//! The SQL statements on the table `reports`, which holds at most one row for each person and target.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict, SimpleExpr};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use shared::clock::Timestamp;
use shared::db::{Reads, insert_rows_returning, pad_to_power_of_two};
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::entities::cases;
use crate::db::entities::reports::{ActiveModel, Column, Entity, Model};
use crate::domain::content::Content;
use crate::domain::report::{NewReport, Outcome, Reason};

/// Stores a report of a case. `None` when the person has reported the target before: nothing was stored.
pub(crate) async fn insert(
    tx: &Tx,
    case: &cases::Model,
    reporter: UserId,
    new: &NewReport,
    content: &Content,
) -> Result<Option<Model>, DbErr> {
    let snapshot = serde_json::to_value(content).map_err(|error| DbErr::Json(error.to_string()))?;
    let row = ActiveModel {
        id: NotSet,
        version: Set(1),
        case_id: Set(case.id),
        reporter_id: Set(reporter),
        target_kind: Set(new.target.kind.as_str().to_owned()),
        target_id: Set(new.target.id),
        author_id: Set(case.author_id),
        reason: Set(new.reason.as_str().to_owned()),
        note: Set(new.note.clone()),
        snapshot: Set(Some(snapshot)),
        outcome: Set(None),
        resolution: Set(None),
        resolved_at: Set(None),
        created_at: Set(tx.clock().now()),
    };
    let keep = OnConflict::columns([Column::ReporterId, Column::CaseId]).do_nothing().to_owned();
    Ok(insert_rows_returning(tx, vec![row], Some(keep)).await?.pop())
}

/// Finds the report of a person in a case.
pub(crate) async fn find_of(db: &impl ConnectionTrait, reporter: UserId, case: i64) -> Result<Option<Model>, DbErr> {
    Entity::find().filter(Column::ReporterId.eq(reporter)).filter(Column::CaseId.eq(case)).one(db).await
}

/// Counts the open reports of a person.
pub(crate) async fn count_open(db: &impl ConnectionTrait, reporter: UserId) -> Result<u64, DbErr> {
    Entity::find().filter(Column::ReporterId.eq(reporter)).filter(Column::Outcome.is_null()).count(db).await
}

/// Ends the open reports of a case with this resolution, and returns the changed rows.
pub(crate) async fn close(tx: &Tx, case: i64, resolution: i64, outcome: Outcome) -> Result<Vec<Model>, DbErr> {
    let end = Some((outcome.as_str(), resolution, tx.clock().now()));
    change(tx, case, Column::Outcome.is_null(), end).await
}

/// Opens the reports of a case again that this resolution has ended, and returns the changed rows.
pub(crate) async fn reopen(tx: &Tx, case: i64, resolution: i64) -> Result<Vec<Model>, DbErr> {
    change(tx, case, Column::Resolution.eq(resolution), None).await
}

/// Sets or clears the end of the chosen reports of a case: outcome, resolution and time.
async fn change(
    tx: &Tx,
    case: i64,
    chosen: SimpleExpr,
    end: Option<(&str, i64, Timestamp)>,
) -> Result<Vec<Model>, DbErr> {
    Entity::update_many()
        .col_expr(Column::Outcome, Expr::value(end.map(|(outcome, _, _)| outcome.to_owned())))
        .col_expr(Column::Resolution, Expr::value(end.map(|(_, resolution, _)| resolution)))
        .col_expr(Column::ResolvedAt, Expr::value(end.map(|(_, _, at)| at)))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::CaseId.eq(case))
        .filter(chosen)
        .exec_with_returning(&**tx)
        .await
}

/// Finds reports by their ids.
pub(crate) async fn find_all(
    db: &impl ConnectionTrait,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, Model>, DbErr> {
    let rows = Entity::find().filter(Column::Id.is_in(pad_to_power_of_two(ids))).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// Counts the reports of these cases by their reasons, as (case, reason, number).
pub(crate) async fn count_reasons(
    db: &impl ConnectionTrait,
    cases: impl IntoIterator<Item = i64>,
) -> Result<Vec<(i64, Reason, i64)>, DbErr> {
    let rows: Vec<(i64, String, i64)> = Entity::find()
        .filter(Column::CaseId.is_in(pad_to_power_of_two(cases)))
        .select_only()
        .column(Column::CaseId)
        .column(Column::Reason)
        .column_as(Column::Id.count(), "count")
        .group_by(Column::CaseId)
        .group_by(Column::Reason)
        .order_by_asc(Column::Reason)
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().map(|(case, reason, count)| (case, Reason::named(&reason), count)).collect())
}

/// Lists up to `limit` reports of a case, newest first, all with ids below `after` if it is given.
pub(crate) async fn list_of(
    db: &impl ConnectionTrait,
    case: i64,
    after: Option<i64>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find().filter(Column::CaseId.eq(case)).order_by_desc(Column::Id).limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::Id.lt(after));
    }
    query.all(db).await
}

/// Reads reports in the order of their ids, beginning after an id.
pub(crate) async fn page(db: &Reads, after: i64, limit: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Id.gt(after)).order_by_asc(Column::Id).limit(limit).all(db).await
}

/// Reads the reports of a person in the order of their ids, beginning after an id.
pub(crate) async fn page_by(db: &Reads, reporter: UserId, after: i64, limit: u64) -> Result<Vec<Model>, DbErr> {
    let own = Entity::find().filter(Column::ReporterId.eq(reporter)).filter(Column::Id.gt(after));
    own.order_by_asc(Column::Id).limit(limit).all(db).await
}

/// Erases the words of a person in the person's reports, and words and snapshots in the reports about the person and
/// about what the person wrote. Returns the number of changed rows.
pub(crate) async fn clear_person(tx: &Tx, user: UserId) -> Result<i64, DbErr> {
    let has_words = Condition::any().add(Column::Note.is_not_null()).add(Column::Snapshot.is_not_null());
    // In the order of their ids, because two people who leave may have reported each other.
    let of_both = Condition::any().add(Column::AuthorId.eq(user)).add(Column::ReporterId.eq(user));
    let locked = Entity::find().select_only().column(Column::Id).filter(of_both).filter(has_words.clone());
    locked.order_by_asc(Column::Id).lock_exclusive().into_tuple::<i64>().all(&**tx).await?;
    let about = Entity::update_many()
        .col_expr(Column::Note, Expr::value(None::<String>))
        .col_expr(Column::Snapshot, Expr::value(None::<serde_json::Value>))
        .filter(Column::AuthorId.eq(user))
        .filter(has_words)
        .exec(&**tx)
        .await?;
    let by = Entity::update_many()
        .col_expr(Column::Note, Expr::value(None::<String>))
        .filter(Column::ReporterId.eq(user))
        .filter(Column::Note.is_not_null())
        .exec(&**tx)
        .await?;
    Ok(i64::try_from(about.rows_affected + by.rows_affected).unwrap_or(i64::MAX))
}
