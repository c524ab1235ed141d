//! The SQL statements on the table `audit_log`, which holds the decisions of admins and their attempts on targets that
//! do not exist.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use shared::auth::CurrentUser;
use shared::db::Reads;
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::entities::audit::{ActiveModel, Column, Entity, Model};
use crate::domain::decision::{Decision, Outcome};
use crate::domain::target::Kind;

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

/// The text in the place of the name of an admin who has left. No username has brackets.
const ERASED: &str = "(erased)";

/// Erases the name of a person in the entries about what the person did as an admin, and the reasons in the entries
/// about the person. Returns the number of changed entries.
pub(crate) async fn clear_person(tx: &Tx, user: UserId) -> Result<i64, DbErr> {
    let named = Entity::update_many()
        .col_expr(Column::ActorUsername, Expr::value(ERASED))
        .filter(Column::ActorId.eq(user))
        .filter(Column::ActorUsername.ne(ERASED))
        .exec(&**tx)
        .await?;
    let about = Entity::update_many()
        .col_expr(Column::Reason, Expr::value(None::<String>))
        .filter(Column::TargetKind.eq(Kind::User.as_str()))
        .filter(Column::TargetId.eq(user.0))
        .filter(Column::Reason.is_not_null())
        .exec(&**tx)
        .await?;
    Ok(i64::try_from(named.rows_affected + about.rows_affected).unwrap_or(i64::MAX))
}

/// Reads the entries about a person in the order of their ids, beginning after an id.
pub(crate) async fn page_about(db: &Reads, user: UserId, after: i64, limit: u64) -> Result<Vec<Model>, DbErr> {
    let about = Entity::find().filter(Column::TargetKind.eq(Kind::User.as_str())).filter(Column::TargetId.eq(user.0));
    about.filter(Column::Id.gt(after)).order_by_asc(Column::Id).limit(limit).all(db).await
}

/// Lists up to `limit` entries, newest first, all with ids below `after` if it is given.
pub(crate) async fn list(db: &impl ConnectionTrait, after: Option<i64>, limit: u64) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find().order_by_desc(Column::Id).limit(limit);
    if let Some(after) = after {
        query = query.filter(Column::Id.lt(after));
    }
    query.all(db).await
}
