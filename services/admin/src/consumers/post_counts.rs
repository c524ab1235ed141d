//! The copy of the posts' counters.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};
use shared::db::{Tx, upsert_newer};
use shared::events::{ApplyError, Consumer, Key, State};

use crate::db::entities::counts::{ActiveModel, Column, Entity, Model};

/// What this service reads of the state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CountsState {
    id: i64,
    version: i64,
    like_count: i64,
}

impl State for CountsState {
    const STREAM: &'static str = "post_counts";

    fn key(&self) -> Key {
        self.id.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for CountsState {
    fn from(row: Model) -> Self {
        Self { id: row.id, version: row.version, like_count: row.like_count }
    }
}

/// Keeps the copy.
pub(crate) struct Counts;

#[async_trait]
impl Consumer for Counts {
    type State = CountsState;

    async fn apply(&self, tx: &mut Tx, states: Vec<CountsState>) -> Result<(), ApplyError> {
        let rows = states.into_iter().map(|state| ActiveModel {
            id: Set(state.id),
            version: Set(state.version),
            like_count: Set(state.like_count),
        });
        Ok(upsert_newer(tx, rows.collect(), Column::Version).await?)
    }

    async fn page(&self, db: &DatabaseConnection, after: Option<&Key>, limit: u64) -> Result<Vec<CountsState>, DbErr> {
        let rows =
            Entity::find().filter(Column::Id.gt(after.map_or(0, Key::first))).order_by_asc(Column::Id).limit(limit);
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }

    async fn forget(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr> {
        let row = Entity::delete_many().filter(Column::Id.eq(key.first())).filter(Column::Version.eq(version));
        row.exec(&**tx).await.map(|_| ())
    }
}
