//! The SQL statements on the table `audit_log`, which holds the decisions of admins and their attempts on targets that
//! do not exist.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use shared::clock::Timestamp;
use shared::db::{Reads, pad_to_power_of_two};
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::entities::audit::{ActiveModel, Column, Entity, Model};
use crate::domain::decision::{Actor, Decision, Outcome};
use crate::domain::target::Kind;

/// Appends an entry. Call it in the transaction that stores the decision, so that neither exists without the other.
pub(crate) async fn append(tx: &Tx, actor: &Actor, decision: &Decision, outcome: Outcome) -> Result<(), DbErr> {
    let Decision { kind, target_id, ref reason, ref request_id, .. } = *decision;
    let entry = Entry { action: decision.action.as_str(), kind, target_id, reason: reason.as_deref(), request_id };
    append_entry(tx, actor, &entry, outcome).await
}

/// A deed of an admin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) action: &'a str,
    pub(crate) kind: Kind,
    pub(crate) target_id: i64,
    pub(crate) reason: Option<&'a str>,
    pub(crate) request_id: &'a str,
}

/// Appends an entry about anything that an admin did. Call it in the transaction of the deed.
pub(crate) async fn append_entry(tx: &Tx, actor: &Actor, entry: &Entry<'_>, outcome: Outcome) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: NotSet,
        at: Set(tx.clock().now()),
        actor_id: Set(actor.id),
        actor_username: Set(actor.username.clone()),
        action: Set(entry.action.to_owned()),
        target_kind: Set(entry.kind.as_str().to_owned()),
        target_id: Set(entry.target_id),
        reason: Set(entry.reason.map(str::to_owned)),
        request_id: Set(entry.request_id.to_owned()),
        result: Set(outcome.as_str().to_owned()),
    };
    Entity::insert(row).exec_without_returning(&**tx).await.map(|_| ())
}

/// The text in the place of the name of an admin who has left. No username has brackets.
const ERASED: &str = "(erased)";

/// Erases the name of a person in the entries about what the person did as an admin. Returns the number of changed
/// entries.
pub(crate) async fn clear_person(tx: &Tx, user: UserId) -> Result<i64, DbErr> {
    let named = Entity::update_many()
        .col_expr(Column::ActorUsername, Expr::value(ERASED))
        .filter(Column::ActorId.eq(user))
        .filter(Column::ActorUsername.ne(ERASED))
        .exec(&**tx)
        .await?;
    Ok(i64::try_from(named.rows_affected).unwrap_or(i64::MAX))
}

/// Erases the reasons in the entries about targets of one kind. Returns the number of changed entries.
pub(crate) async fn clear_reasons(tx: &Tx, kind: Kind, targets: Vec<i64>) -> Result<i64, DbErr> {
    let about = Entity::update_many()
        .col_expr(Column::Reason, Expr::value(None::<String>))
        .filter(Column::TargetKind.eq(kind.as_str()))
        .filter(Column::TargetId.is_in(pad_to_power_of_two(targets)))
        .filter(Column::Reason.is_not_null())
        .exec(&**tx)
        .await?;
    Ok(i64::try_from(about.rows_affected).unwrap_or(i64::MAX))
}

/// Reads the entries about a person in the order of their ids, beginning after an id.
pub(crate) async fn page_about(db: &Reads, user: UserId, after: i64, limit: u64) -> Result<Vec<Model>, DbErr> {
    let about = Entity::find().filter(Column::TargetKind.eq(Kind::User.as_str())).filter(Column::TargetId.eq(user.0));
    about.filter(Column::Id.gt(after)).order_by_asc(Column::Id).limit(limit).all(db).await
}

/// The entries that an admin asks for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// Only entries about deeds of this admin.
    pub(crate) actor: Option<UserId>,
    /// Only entries with this action, by its name.
    pub(crate) action: Option<String>,
    pub(crate) kind: Option<Kind>,
    pub(crate) target_id: Option<i64>,
    /// Only entries from this time on.
    pub(crate) since: Option<Timestamp>,
    /// Only entries before this time.
    pub(crate) until: Option<Timestamp>,
    /// Only entries with ids below this one.
    pub(crate) after: Option<i64>,
    pub(crate) limit: u64,
}

/// Lists entries, newest first.
pub(crate) async fn list(db: &impl ConnectionTrait, wanted: &Wanted) -> Result<Vec<Model>, DbErr> {
    let conditions = [
        wanted.actor.map(|actor| Column::ActorId.eq(actor)),
        wanted.action.as_ref().map(|action| Column::Action.eq(action)),
        wanted.kind.map(|kind| Column::TargetKind.eq(kind.as_str())),
        wanted.target_id.map(|id| Column::TargetId.eq(id)),
        wanted.since.map(|since| Column::At.gte(since)),
        wanted.until.map(|until| Column::At.lt(until)),
        wanted.after.map(|after| Column::Id.lt(after)),
    ];
    let query = conditions.into_iter().flatten().fold(Entity::find(), QueryFilter::filter);
    query.order_by_desc(Column::Id).limit(wanted.limit).all(db).await
}
