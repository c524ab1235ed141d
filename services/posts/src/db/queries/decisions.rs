//! The SQL statements that apply moderation decisions. A row of `posts` or `comments` stores the version of the last
//! decision that was applied to it and, if that ordered a removal, the time of the removal (rule R15 of
//! `docs/convergence.md`).

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, QuerySelect};
use shared::clock::Timestamp;
use shared::db::Reads;
use shared::work::Tx;

use crate::db::entities::{comments, posts};

/// A table whose rows an admin can remove and restore.
pub(crate) trait ModeratedTable: EntityTrait<Model: Send> {
    const ID: Self::Column;
    const VERSION: Self::Column;
    const DECISION_VERSION: Self::Column;
    const REMOVED_AT: Self::Column;
}

impl ModeratedTable for posts::Entity {
    const ID: posts::Column = posts::Column::Id;
    const VERSION: posts::Column = posts::Column::Version;
    const DECISION_VERSION: posts::Column = posts::Column::DecisionVersion;
    const REMOVED_AT: posts::Column = posts::Column::RemovedAt;
}

impl ModeratedTable for comments::Entity {
    const ID: comments::Column = comments::Column::Id;
    const VERSION: comments::Column = comments::Column::Version;
    const DECISION_VERSION: comments::Column = comments::Column::DecisionVersion;
    const REMOVED_AT: comments::Column = comments::Column::RemovedAt;
}

/// The last decision that was applied to a row.
#[derive(Debug, FromQueryResult)]
pub(crate) struct AppliedDecision {
    /// The id of the row.
    pub(crate) id: i64,
    /// Admin's version of the decision.
    pub(crate) decision_version: i64,
    /// The time of the removal; absent when the decision was to restore.
    pub(crate) removed_at: Option<Timestamp>,
}

/// Applies a decision to a row, under the row's lock, if the decision is newer than the last one. It removes the row's
/// post or comment if `removed` is true, and restores it if not. Returns the changed row; `None` when the decision is
/// not newer, or there is no such row.
pub(crate) async fn apply_decision<T: ModeratedTable>(
    tx: &Tx,
    id: i64,
    decision_version: i64,
    removed: bool,
) -> Result<Option<T::Model>, DbErr> {
    let rows = T::update_many()
        .col_expr(T::VERSION, Expr::col(T::VERSION).add(1))
        .col_expr(T::DECISION_VERSION, Expr::value(decision_version))
        .col_expr(T::REMOVED_AT, Expr::value(removed.then(|| tx.clock().now())))
        .filter(T::ID.eq(id))
        .filter(T::DECISION_VERSION.lt(decision_version))
        .exec_with_returning(&**tx)
        .await?;
    Ok(rows.into_iter().next())
}

/// Reads the applied decisions of up to `limit` rows with ids above `after`, in the order of the ids.
pub(crate) async fn list<T: ModeratedTable>(db: &Reads, after: i64, limit: u64) -> Result<Vec<AppliedDecision>, DbErr> {
    let rows = T::find()
        .select_only()
        .columns([T::ID, T::DECISION_VERSION, T::REMOVED_AT])
        .filter(T::ID.gt(after))
        .filter(T::DECISION_VERSION.gt(0))
        .order_by_asc(T::ID)
        .limit(limit);
    rows.into_model().all(db).await
}

/// True when there is a row with this id that decisions can be applied to.
pub(crate) async fn exists<T: ModeratedTable>(db: &Reads, id: i64) -> Result<bool, DbErr> {
    let found: Option<i64> = T::find().select_only().column(T::ID).filter(T::ID.eq(id)).into_tuple().one(db).await?;
    Ok(found.is_some())
}

/// Forgets the version of the last decision if it is still `decision_version`, so that the next decision is applied
/// whatever its version is. Nothing else of the row changes.
pub(crate) async fn forget_decision<T: ModeratedTable>(tx: &Tx, id: i64, decision_version: i64) -> Result<(), DbErr> {
    let row = T::update_many()
        .col_expr(T::DECISION_VERSION, Expr::value(0_i64))
        .filter(T::ID.eq(id))
        .filter(T::DECISION_VERSION.eq(decision_version));
    row.exec(&**tx).await.map(|_| ())
}
