//! The SQL statements on the table `decisions`, which holds the last decision about each target.

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use shared::db::upsert_newer;
use shared::ids::{NOBODY, UserId};
use shared::work::Tx;

use crate::db::entities::decisions::{ActiveModel, Column, Entity, Model};
use crate::domain::decision::Decision;
use crate::domain::target::Kind;

/// Finds the last decision about a target; `None` when no admin has ever decided about it.
pub(crate) async fn find(db: &impl ConnectionTrait, kind: Kind, id: i64) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id((kind.as_str().to_owned(), id)).one(db).await
}

/// Finds the last decisions about these targets of one kind, in any order.
pub(crate) async fn find_all(
    db: &impl ConnectionTrait,
    kind: Kind,
    ids: impl IntoIterator<Item = i64>,
) -> Result<Vec<Model>, DbErr> {
    about(kind).filter(Column::TargetId.is_in(ids)).all(db).await
}

/// Lists up to `limit` decisions about targets of one kind, by ascending target id, all with ids above `after`.
pub(crate) async fn list(db: &impl ConnectionTrait, kind: Kind, after: i64, limit: u64) -> Result<Vec<Model>, DbErr> {
    about(kind).filter(Column::TargetId.gt(after)).order_by_asc(Column::TargetId).limit(limit).all(db).await
}

fn about(kind: Kind) -> Select<Entity> {
    Entity::find().filter(Column::Kind.eq(kind.as_str()))
}

/// Stores a decision and returns its row with the next version. `None` means that the same decision is in force
/// already: nothing was stored, and nothing is to be published.
pub(crate) async fn store(tx: &Tx, decision: &Decision, actor: UserId) -> Result<Option<Model>, DbErr> {
    if decision.action.hides() { hide(tx, decision, actor).await } else { show(tx, decision, actor).await }
}

/// Marks the target as hidden. `None` when it is hidden already.
async fn hide(tx: &Tx, decision: &Decision, actor: UserId) -> Result<Option<Model>, DbErr> {
    let now = tx.clock().now();
    let row = ActiveModel {
        kind: Set(decision.kind.as_str().to_owned()),
        target_id: Set(decision.target_id),
        version: Set(1),
        hidden: Set(true),
        reason: Set(decision.reason.clone()),
        actor_id: Set(actor),
        created_at: Set(now),
        updated_at: Set(now),
    };
    // The condition makes a hidden target return no row, so that one statement decides even when two admins race.
    let hide_again = OnConflict::columns([Column::Kind, Column::TargetId])
        .update_columns([Column::Hidden, Column::Reason, Column::ActorId, Column::UpdatedAt])
        .value(Column::Version, Expr::col((Entity, Column::Version)).add(1))
        .action_and_where(Expr::col((Entity, Column::Hidden)).eq(false))
        .to_owned();
    let rows = Entity::insert_many([row]).on_conflict(hide_again).exec_with_returning(&**tx).await?;
    Ok(rows.into_iter().next())
}

/// Marks the target as visible. `None` when it is visible already, as is every target without a decision.
async fn show(tx: &Tx, decision: &Decision, actor: UserId) -> Result<Option<Model>, DbErr> {
    let rows = Entity::update_many()
        .col_expr(Column::Hidden, Expr::value(false))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::Reason, Expr::value(decision.reason.clone()))
        .col_expr(Column::ActorId, Expr::value(actor))
        .col_expr(Column::UpdatedAt, Expr::value(tx.clock().now()))
        .filter(Column::Kind.eq(decision.kind.as_str()))
        .filter(Column::TargetId.eq(decision.target_id))
        .filter(Column::Hidden.eq(true))
        .exec_with_returning(&**tx)
        .await?;
    Ok(rows.into_iter().next())
}

/// Erases the reason of the decision about a person, which does not change the decision. Returns the number of changed
/// rows.
pub(crate) async fn clear_reasons(tx: &Tx, user: UserId) -> Result<i64, DbErr> {
    let cleared = Entity::update_many()
        .col_expr(Column::Reason, Expr::value(None::<String>))
        .filter(Column::Kind.eq(Kind::User.as_str()))
        .filter(Column::TargetId.eq(user.0))
        .filter(Column::Reason.is_not_null())
        .exec(&**tx)
        .await?;
    Ok(i64::try_from(cleared.rows_affected).unwrap_or(i64::MAX))
}

/// Stores decisions that the owners of their targets have applied and that this database has lost in a restore, each as
/// (target id, version, hidden), where they are newer than the stored ones. The owners know neither the reason nor the
/// admin, so the reason is absent and the admin is [`NOBODY`].
pub(crate) async fn upsert_recovered(
    tx: &Tx,
    kind: Kind,
    decisions: impl Iterator<Item = (i64, i64, bool)>,
) -> Result<(), DbErr> {
    let now = tx.clock().now();
    let row = |(id, version, hidden)| ActiveModel {
        kind: Set(kind.as_str().to_owned()),
        target_id: Set(id),
        version: Set(version),
        hidden: Set(hidden),
        reason: Set(None),
        actor_id: Set(UserId(NOBODY)),
        created_at: Set(now),
        updated_at: Set(now),
    };
    upsert_newer(&**tx, decisions.map(row).collect(), Column::Version).await
}
