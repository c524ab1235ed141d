//! The copy of posts.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::db::{Tx, upsert_newer};
use shared::events::{ApplyError, Consumer, Key, State};

use crate::db::entities::posts::{ActiveModel, Column, Entity, Model};

/// What this service reads of the state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PostState {
    id: i64,
    version: i64,
    deleted: bool,
    created_at: Option<Timestamp>,
}

impl State for PostState {
    const STREAM: &'static str = "post";

    fn key(&self) -> Key {
        self.id.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for PostState {
    fn from(row: Model) -> Self {
        Self { id: row.id, version: row.version, deleted: row.deleted, created_at: row.created_at }
    }
}

/// Keeps the copy.
pub(crate) struct Posts;

#[async_trait]
impl Consumer for Posts {
    type State = PostState;

    async fn apply(&self, tx: &mut Tx, states: Vec<PostState>) -> Result<(), ApplyError> {
        let rows = states.into_iter().map(|state| self.view(state)).map(|state| ActiveModel {
            id: Set(state.id),
            version: Set(state.version),
            deleted: Set(state.deleted),
            created_at: Set(state.created_at),
        });
        Ok(upsert_newer(tx, rows.collect(), Column::Version).await?)
    }

    async fn page(&self, db: &DatabaseConnection, after: Option<&Key>, limit: u64) -> Result<Vec<PostState>, DbErr> {
        let rows =
            Entity::find().filter(Column::Id.gt(after.map_or(0, Key::first))).order_by_asc(Column::Id).limit(limit);
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }

    async fn forget(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr> {
        let row = Entity::delete_many().filter(Column::Id.eq(key.first())).filter(Column::Version.eq(version));
        row.exec(&**tx).await.map(|_| ())
    }

    fn view(&self, state: PostState) -> PostState {
        if state.deleted { PostState { created_at: None, ..state } } else { state }
    }
}
