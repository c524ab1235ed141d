//! The SQL statements on the table `decisions`, which holds the last decision about each target.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Select,
};
use shared::clock::Timestamp;
use shared::db::{pad_to_power_of_two, upsert_newer};
use shared::ids::{NOBODY, UserId};
use shared::work::Tx;

use crate::db::entities::decisions::{ActiveModel, Column, Entity, Model, Warnings};
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

/// Lists up to `limit` people whose block has ended by `now`, those first whose end was earliest.
pub(crate) async fn list_ended(db: &impl ConnectionTrait, now: Timestamp, limit: u64) -> Result<Vec<i64>, DbErr> {
    let ended = about(Kind::User).filter(Column::Hidden.eq(true)).filter(Column::HiddenUntil.lte(now));
    ended
        .order_by_asc(Column::HiddenUntil)
        .limit(limit)
        .select_only()
        .column(Column::TargetId)
        .into_tuple()
        .all(db)
        .await
}

fn about(kind: Kind) -> Select<Entity> {
    Entity::find().filter(Column::Kind.eq(kind.as_str()))
}

/// Stores a decision with its next version. The target must be locked, so that nobody else decides meanwhile.
pub(crate) async fn store(tx: &Tx, row: Model) -> Result<(), DbErr> {
    upsert_newer(&**tx, vec![row.into_active_model().reset_all()], Column::Version).await
}

/// Erases the reasons of the decisions about targets of one kind, which does not change the decisions. Returns the number
/// of changed rows.
pub(crate) async fn clear_reasons(tx: &Tx, kind: Kind, targets: Vec<i64>) -> Result<i64, DbErr> {
    let cleared = Entity::update_many()
        .col_expr(Column::Reason, Expr::value(None::<String>))
        .filter(Column::Kind.eq(kind.as_str()))
        .filter(Column::TargetId.is_in(pad_to_power_of_two(targets)))
        .filter(Column::Reason.is_not_null())
        .exec(&**tx)
        .await?;
    Ok(i64::try_from(cleared.rows_affected).unwrap_or(i64::MAX))
}

/// A decision that a restore takes back from a copy.
#[derive(Clone, Debug)]
pub(crate) struct Recovered {
    pub(crate) target_id: i64,
    pub(crate) version: i64,
    pub(crate) hidden: bool,
    pub(crate) until: Option<Timestamp>,
    pub(crate) warnings: Vec<crate::domain::warning::Warning>,
}

/// Stores decisions that copies hold and that this database has lost in a restore, where they are newer than the stored
/// ones. No copy knows the reason or the admin, so the reason is absent and the admin is [`NOBODY`]. Auth's copy knows
/// neither the end of a block nor warnings either; those that another copy adds to the same version are kept.
pub(crate) async fn upsert_recovered(tx: &Tx, kind: Kind, decisions: Vec<Recovered>) -> Result<(), DbErr> {
    let now = tx.clock().now();
    let warnings = |all: &Recovered| (!all.warnings.is_empty()).then(|| Warnings(all.warnings.clone()));
    let row = |decision: &Recovered| ActiveModel {
        kind: Set(kind.as_str().to_owned()),
        target_id: Set(decision.target_id),
        version: Set(decision.version),
        hidden: Set(decision.hidden),
        reason: Set(None),
        actor_id: Set(UserId(NOBODY)),
        created_at: Set(now),
        updated_at: Set(now),
        hidden_until: Set(decision.until),
        hidden_version: Set(None),
        warnings: Set(warnings(decision)),
    };
    upsert_newer(&**tx, decisions.iter().map(row).collect(), Column::Version).await?;
    for decision in decisions.iter().filter(|decision| decision.until.is_some() || !decision.warnings.is_empty()) {
        Entity::update_many()
            .set(ActiveModel {
                hidden_until: Set(decision.until),
                warnings: Set(warnings(decision)),
                ..Default::default()
            })
            .filter(Column::Kind.eq(kind.as_str()))
            .filter(Column::TargetId.eq(decision.target_id))
            .filter(Column::Version.eq(decision.version))
            .exec(&**tx)
            .await?;
    }
    Ok(())
}
