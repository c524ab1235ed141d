//! `like`: the matrix itself.

use async_trait::async_trait;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{DatabaseConnection, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use shared::db::{Tx, upsert_newer};
use shared::events::{ApplyError, Consumer, Key, State};
use shared::ids::UserId;

use super::PAGE;
use crate::db::entities::likes::{ActiveModel, Column, Entity, Model};
use crate::domain::PostId;
use crate::state::Matrix;

/// A like, as its owner sends it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LikeState {
    user_id: UserId,
    post_id: PostId,
    version: i64,
    deleted: bool,
}

impl State for LikeState {
    const STREAM: &'static str = "like";

    fn key(&self) -> Key {
        Key(vec![self.user_id.0, self.post_id.0])
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for LikeState {
    fn from(row: Model) -> Self {
        Self { user_id: row.user_id, post_id: row.post_id, version: row.version, deleted: row.deleted }
    }
}

impl From<LikeState> for ActiveModel {
    fn from(state: LikeState) -> Self {
        Self {
            user_id: Set(state.user_id),
            post_id: Set(state.post_id),
            version: Set(state.version),
            deleted: Set(state.deleted),
        }
    }
}

/// The consumer of `like`.
pub(crate) struct Likes {
    pub(crate) matrix: Matrix,
}

#[async_trait]
impl Consumer for Likes {
    type State = LikeState;

    async fn apply(&self, tx: &mut Tx, states: Vec<LikeState>) -> Result<(), ApplyError> {
        let rows: Vec<ActiveModel> = states.into_iter().map(ActiveModel::from).collect();
        Ok(upsert_newer(tx, rows, Column::Version).await?)
    }

    async fn page(&self, db: &DatabaseConnection, after: Option<&Key>, limit: u64) -> Result<Vec<LikeState>, DbErr> {
        let (user, post) = after.map(|key| (key.first(), key.second())).unwrap_or_default();
        let key = Expr::tuple([Expr::col(Column::UserId), Expr::col(Column::PostId)]);
        let query = Entity::find().filter(key.gt(Expr::tuple([Expr::val(user), Expr::val(post)])));
        let query = query.order_by_asc(Column::UserId).order_by_asc(Column::PostId);
        let rows = query.limit(limit).all(db).await?;
        Ok(rows.into_iter().map(LikeState::from).collect())
    }

    async fn forget(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr> {
        let rows = Entity::delete_many()
            .filter(Column::UserId.eq(key.first()))
            .filter(Column::PostId.eq(key.second()))
            .filter(Column::Version.eq(version));
        rows.exec(&**tx).await.map(|_| ())
    }

    fn remember(&self, states: &[LikeState]) {
        let mut matrix = self.matrix.write();
        for state in states {
            matrix.set_like(state.user_id, state.post_id, !state.deleted, state.version);
        }
    }

    async fn load(&self, db: &DatabaseConnection) -> Result<(), DbErr> {
        let mut after: Option<Key> = None;
        loop {
            let states = self.page(db, after.as_ref(), PAGE).await?;
            let Some(last) = states.last() else { return Ok(()) };
            after = Some(last.key());
            self.remember(&states);
        }
    }
}
