//! The SQL statements on the table `audit_log`, which holds the decisions of admins and their attempts on targets that
//! do not exist.

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use shared::auth::CurrentUser;
use shared::work::Tx;

use crate::db::entities::audit::{ActiveModel, Column, Entity, Model};
use crate::domain::decision::{Decision, Outcome};

/// Appends an entry. Call it in the transaction that stores the decision, so that neither exists without the other.
pub(crate) async fn append(tx: &Tx, actor: &CurrentUser, decision: &Decision, outcome: Outcome) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: NotSet,
        at: Set(tx.clock().now()),
        actor_id: Set(actor.id),
        actor_username: Set(actor.username.clone()),
        action: Set(decision.action.as_str().to_owned()),
        target_kind: Set(decision.kind.as_str().to_owned()),
        target_id: Set(decision.target_id),
        reason: Set(decision.reason.clone()),
        request_id: Set(decision.request_id.clone()),
        result: Set(outcome.as_str().to_owned()),
    };
    Entity::insert(row).exec_without_returning(&**tx).await.map(|_| ())
}

/// Lists up to `limit` entries, newest first, all with ids below `after` if it is given.
pub(crate) async fn list(db: &impl ConnectionTrait, after: Option<i64>, limit: u64) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find().order_by_desc(Column::Id).limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::Id.lt(after));
    }
    query.all(db).await
}
