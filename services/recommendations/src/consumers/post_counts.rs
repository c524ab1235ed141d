//! `post_counts`: counters for answers. Memory does not need them: the matrix counts by itself.

use async_trait::async_trait;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::{DatabaseConnection, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use shared::db::{Tx, upsert_newer};
use shared::events::{ApplyError, Consumer, Key, State};

use crate::db::entities::post_counts::{ActiveModel, Column, Entity, Model};
use crate::domain::PostId;

/// The counters of a post, as its owner sends them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PostCountsState {
    id: PostId,
    version: i64,
    like_count: i64,
    comment_count: i64,
    view_count: i64,
}

impl State for PostCountsState {
    const STREAM: &'static str = "post_counts";

    fn key(&self) -> Key {
        self.id.0.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for PostCountsState {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            version: row.version,
            like_count: row.like_count,
            comment_count: row.comment_count,
            view_count: row.view_count,
        }
    }
}

impl From<PostCountsState> for ActiveModel {
    fn from(state: PostCountsState) -> Self {
        Self {
            id: Set(state.id),
            version: Set(state.version),
            like_count: Set(state.like_count),
            comment_count: Set(state.comment_count),
            view_count: Set(state.view_count),
        }
    }
}

/// The consumer of `post_counts`.
pub(crate) struct PostCounts;

#[async_trait]
impl Consumer for PostCounts {
    type State = PostCountsState;

    async fn apply(&self, tx: &mut Tx, states: Vec<PostCountsState>) -> Result<(), ApplyError> {
        let rows: Vec<ActiveModel> = states.into_iter().map(ActiveModel::from).collect();
        Ok(upsert_newer(tx, rows, Column::Version).await?)
    }

    async fn page(
        &self,
        db: &DatabaseConnection,
        after: Option<&Key>,
        limit: u64,
    ) -> Result<Vec<PostCountsState>, DbErr> {
        let after = after.map(Key::first).unwrap_or_default();
        let rows = Entity::find().filter(Column::Id.gt(after)).order_by_asc(Column::Id).limit(limit).all(db).await?;
        Ok(rows.into_iter().map(PostCountsState::from).collect())
    }

    async fn forget(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr> {
        let rows = Entity::delete_many().filter(Column::Id.eq(key.first())).filter(Column::Version.eq(version));
        rows.exec(&**tx).await.map(|_| ())
    }
}
