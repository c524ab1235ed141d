//! The SQL statements on the table `cases`, which holds a row for each reported target.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use shared::db::{insert_rows_returning, pad_to_power_of_two};
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::entities::cases::{ActiveModel, Column, Entity, Model};
use crate::domain::report::{Reported, Status};
use crate::domain::target::Kind;

/// Finds the case of a target and locks it until the transaction ends, creating it if there is none.
pub(crate) async fn open(tx: &Tx, target: Reported, author: Option<UserId>) -> Result<Model, DbErr> {
    let row = ActiveModel {
        id: NotSet,
        target_kind: Set(target.kind.as_str().to_owned()),
        target_id: Set(target.id),
        author_id: Set(author),
        status: Set(Status::Open.as_str().to_owned()),
        // No admin has resolved it yet.
        version: Set(0),
        report_count: Set(0),
        last_report_id: Set(None),
        resolution: Set(None),
        action: Set(None),
        decided_version: Set(None),
        resolution_reason: Set(None),
        resolver_id: Set(None),
        resolved_at: Set(None),
        created_at: Set(tx.clock().now()),
    };
    // The update changes nothing. It locks the row, and has it returned.
    let keep = OnConflict::columns([Column::TargetKind, Column::TargetId]).update_column(Column::TargetKind).to_owned();
    let found = insert_rows_returning(tx, vec![row], Some(keep)).await?.pop();
    found.ok_or(DbErr::RecordNotInserted)
}

/// Notes a new report in its case, which is open again.
pub(crate) async fn add_report(tx: &Tx, case: i64, report: i64) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Status, Expr::value(Status::Open.as_str()))
        .col_expr(Column::ReportCount, Expr::col(Column::ReportCount).add(1))
        .col_expr(Column::LastReportId, Expr::value(report))
        .filter(Column::Id.eq(case))
        .exec(&**tx)
        .await
        .map(|_| ())
}

/// Finds the case of a target, and locks it until the transaction ends.
pub(crate) async fn lock_of(tx: &Tx, kind: Kind, id: i64) -> Result<Option<Model>, DbErr> {
    let of_target = Entity::find().filter(Column::TargetKind.eq(kind.as_str())).filter(Column::TargetId.eq(id));
    of_target.lock_exclusive().one(&**tx).await
}

/// Finds cases and locks them until the transaction ends, in the order of their ids, so that two admins who choose the
/// same cases wait for each other.
pub(crate) async fn lock_all(tx: &Tx, ids: &[i64]) -> Result<Vec<Model>, DbErr> {
    let chosen = Entity::find().filter(Column::Id.is_in(pad_to_power_of_two(ids.iter().copied())));
    chosen.order_by_asc(Column::Id).lock_exclusive().all(&**tx).await
}

/// Stores a case with its next version. It must be locked.
pub(crate) async fn store(tx: &Tx, row: Model) -> Result<(), DbErr> {
    Entity::update(row.into_active_model().reset_all()).exec(&**tx).await.map(|_| ())
}

/// Finds cases, in any order.
pub(crate) async fn find_all(db: &impl ConnectionTrait, ids: &[i64]) -> Result<Vec<Model>, DbErr> {
    Entity::find().filter(Column::Id.is_in(pad_to_power_of_two(ids.iter().copied()))).all(db).await
}

/// Finds the cases of these targets of one kind, in any order.
pub(crate) async fn find_of_all(
    db: &impl ConnectionTrait,
    kind: Kind,
    targets: impl IntoIterator<Item = i64>,
) -> Result<Vec<Model>, DbErr> {
    let of_kind = Entity::find().filter(Column::TargetKind.eq(kind.as_str()));
    of_kind.filter(Column::TargetId.is_in(pad_to_power_of_two(targets))).all(db).await
}

/// Lists up to `limit` cases, those first that were reported last. `after` is the last report of a case: those before it
/// are listed.
pub(crate) async fn list(
    db: &impl ConnectionTrait,
    status: Option<Status>,
    after: Option<i64>,
    limit: u64,
) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find().order_by_desc(Column::LastReportId).limit(limit);
    if let Some(status) = status {
        query = query.filter(Column::Status.eq(status.as_str()));
    }
    if let Some(after) = after {
        query = query.filter(Column::LastReportId.lt(after));
    }
    query.all(db).await
}

/// Finds the cases of a person, and of what the person wrote, and locks them until the transaction ends.
pub(crate) async fn lock_about(tx: &Tx, author: UserId) -> Result<Vec<Model>, DbErr> {
    let about = Entity::find().filter(Column::AuthorId.eq(author)).order_by_asc(Column::Id);
    about.lock_exclusive().all(&**tx).await
}

/// Erases the reasons of resolutions about a person or about what the person wrote. Returns the number of changed rows.
pub(crate) async fn clear_reasons(tx: &Tx, author: UserId) -> Result<i64, DbErr> {
    let cleared = Entity::update_many()
        .col_expr(Column::ResolutionReason, Expr::value(None::<String>))
        .filter(Column::AuthorId.eq(author))
        .filter(Column::ResolutionReason.is_not_null())
        .exec(&**tx)
        .await?;
    Ok(i64::try_from(cleared.rows_affected).unwrap_or(i64::MAX))
}
