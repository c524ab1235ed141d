//! The audit log.

use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use shared::auth::CurrentUser;
use shared::db::Tx;
use shared::http::{Page, request_id};

use crate::db::entities::audit::{ActiveModel, Column, Entity, Model};
use crate::domain::target::{Action, Kind};

/// Logs what an admin did, in the transaction that does it.
pub(crate) async fn log(
    tx: &Tx,
    actor: &CurrentUser,
    action: Action,
    kind: Kind,
    id: i64,
    reason: Option<String>,
    result: &str,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: NotSet,
        at: Set(tx.clock().now()),
        actor_id: Set(actor.id),
        actor_username: Set(actor.username.clone()),
        action: Set(action.as_str().to_owned()),
        target_kind: Set(kind.as_str().to_owned()),
        target_id: Set(id),
        reason: Set(reason),
        request_id: Set(request_id::current().unwrap_or_default()),
        result: Set(result.to_owned()),
    };
    Entity::insert(row).exec_without_returning(&**tx).await.map(|_| ())
}

/// A page of the log, newest first.
pub(crate) async fn page(db: &impl ConnectionTrait, page: &Page) -> Result<Vec<Model>, DbErr> {
    let mut query = Entity::find().order_by_desc(Column::Id).limit(page.fetch());
    if let Some(after) = page.after {
        query = query.filter(Column::Id.lt(after));
    }
    query.all(db).await
}
