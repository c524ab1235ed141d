//! Decisions.

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};
use shared::db::{Reads, Tx, upsert_newer};
use shared::events::{self, Key, Source, State};
use shared::ids::{NOBODY, UserId};

use crate::db::entities::decisions::{ActiveModel, Column, Entity, Model};
use crate::domain::target::Kind;
use crate::error::Error;

/// The last decision about something, if there ever was one.
pub(crate) async fn last(db: &impl ConnectionTrait, kind: Kind, id: i64) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id((kind.as_str().to_owned(), id)).one(db).await
}

/// Decides, and publishes the decision if it changes anything.
pub(crate) async fn decide(
    tx: &mut Tx,
    kind: Kind,
    id: i64,
    hidden: bool,
    reason: Option<String>,
    actor: UserId,
) -> Result<(), Error> {
    let row = if hidden { hide(tx, kind, id, reason, actor).await? } else { show(tx, kind, id, reason, actor).await? };
    let Some(row) = row else { return Ok(()) };
    match kind {
        Kind::User => events::publish(tx, &[UserDecision::from(row)])?,
        Kind::Post => events::publish(tx, &[PostDecision::from(row)])?,
        Kind::Comment => events::publish(tx, &[CommentDecision::from(row)])?,
    }
    Ok(())
}

/// `None`: it is hidden already.
async fn hide(tx: &Tx, kind: Kind, id: i64, reason: Option<String>, actor: UserId) -> Result<Option<Model>, DbErr> {
    let now = tx.clock().now();
    let row = ActiveModel {
        kind: Set(kind.as_str().to_owned()),
        target_id: Set(id),
        version: Set(1),
        hidden: Set(true),
        reason: Set(reason),
        actor_id: Set(actor),
        created_at: Set(now),
        updated_at: Set(now),
    };
    let again = OnConflict::columns([Column::Kind, Column::TargetId])
        .update_columns([Column::Hidden, Column::Reason, Column::ActorId, Column::UpdatedAt])
        .value(Column::Version, Expr::col((Entity, Column::Version)).add(1))
        .action_and_where(Expr::col((Entity, Column::Hidden)).eq(false))
        .to_owned();
    let rows = Entity::insert_many([row]).on_conflict(again).exec_with_returning(&**tx).await?;
    Ok(rows.into_iter().next())
}

/// `None`: it is not hidden.
async fn show(tx: &Tx, kind: Kind, id: i64, reason: Option<String>, actor: UserId) -> Result<Option<Model>, DbErr> {
    let rows = Entity::update_many()
        .col_expr(Column::Hidden, Expr::value(false))
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .col_expr(Column::Reason, Expr::value(reason))
        .col_expr(Column::ActorId, Expr::value(actor))
        .col_expr(Column::UpdatedAt, Expr::value(tx.clock().now()))
        .filter(Column::Kind.eq(kind.as_str()))
        .filter(Column::TargetId.eq(id))
        .filter(Column::Hidden.eq(true))
        .exec_with_returning(&**tx)
        .await?;
    Ok(rows.into_iter().next())
}

async fn page<S: From<Model>>(db: &Reads, kind: Kind, after: Option<&Key>, limit: u64) -> Result<Vec<S>, DbErr> {
    let rows = Entity::find()
        .filter(Column::Kind.eq(kind.as_str()))
        .filter(Column::TargetId.gt(after.map_or(0, Key::first)))
        .order_by_asc(Column::TargetId)
        .limit(limit);
    Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
}

async fn among<S: From<Model>>(db: &Reads, kind: Kind, keys: &[Key]) -> Result<Vec<S>, DbErr> {
    let rows = Entity::find()
        .filter(Column::Kind.eq(kind.as_str()))
        .filter(Column::TargetId.is_in(keys.iter().map(Key::first)));
    Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
}

/// Takes decisions back that the owners of their targets have applied and that this database has lost. Who decided and
/// why is known to nobody any more.
async fn take_back(tx: &Tx, kind: Kind, decisions: impl Iterator<Item = (i64, i64, bool)>) -> Result<(), DbErr> {
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

/// A decision about people as it is published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct UserDecision {
    id: i64,
    version: i64,
    blocked: bool,
}

impl State for UserDecision {
    const STREAM: &'static str = "moderation.user";

    fn key(&self) -> Key {
        self.id.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for UserDecision {
    fn from(row: Model) -> Self {
        Self { id: row.target_id, version: row.version, blocked: row.hidden }
    }
}

/// The stream `moderation.user`.
pub(crate) struct OnUsers;

#[async_trait]
impl Source for OnUsers {
    type State = UserDecision;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<UserDecision>, DbErr> {
        page(db, Kind::User, after, limit).await
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<UserDecision>, DbErr> {
        among(db, Kind::User, keys).await
    }

    const TAKES_BACK: bool = true;

    async fn take_back(&self, tx: &Tx, decisions: Vec<UserDecision>) -> Result<(), DbErr> {
        take_back(tx, Kind::User, decisions.iter().map(|row| (row.id, row.version, row.blocked))).await
    }
}

/// A decision about posts as it is published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PostDecision {
    id: i64,
    version: i64,
    removed: bool,
}

impl State for PostDecision {
    const STREAM: &'static str = "moderation.post";

    fn key(&self) -> Key {
        self.id.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for PostDecision {
    fn from(row: Model) -> Self {
        Self { id: row.target_id, version: row.version, removed: row.hidden }
    }
}

/// The stream `moderation.post`.
pub(crate) struct OnPosts;

#[async_trait]
impl Source for OnPosts {
    type State = PostDecision;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<PostDecision>, DbErr> {
        page(db, Kind::Post, after, limit).await
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<PostDecision>, DbErr> {
        among(db, Kind::Post, keys).await
    }

    const TAKES_BACK: bool = true;

    async fn take_back(&self, tx: &Tx, decisions: Vec<PostDecision>) -> Result<(), DbErr> {
        take_back(tx, Kind::Post, decisions.iter().map(|row| (row.id, row.version, row.removed))).await
    }
}

/// A decision about comments as it is published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CommentDecision {
    id: i64,
    version: i64,
    removed: bool,
}

impl State for CommentDecision {
    const STREAM: &'static str = "moderation.comment";

    fn key(&self) -> Key {
        self.id.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for CommentDecision {
    fn from(row: Model) -> Self {
        Self { id: row.target_id, version: row.version, removed: row.hidden }
    }
}

/// The stream `moderation.comment`.
pub(crate) struct OnComments;

#[async_trait]
impl Source for OnComments {
    type State = CommentDecision;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<CommentDecision>, DbErr> {
        page(db, Kind::Comment, after, limit).await
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<CommentDecision>, DbErr> {
        among(db, Kind::Comment, keys).await
    }

    const TAKES_BACK: bool = true;

    async fn take_back(&self, tx: &Tx, decisions: Vec<CommentDecision>) -> Result<(), DbErr> {
        take_back(tx, Kind::Comment, decisions.iter().map(|row| (row.id, row.version, row.removed))).await
    }
}
