//! `post`: what can be recommended.

use async_trait::async_trait;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::{DatabaseConnection, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use shared::clock::Timestamp;
use shared::db::{Tx, upsert_newer};
use shared::events::{ApplyError, Consumer, Key, State};
use shared::ids::UserId;

use super::PAGE;
use crate::db::entities::posts::{ActiveModel, Column, Entity, Model};
use crate::domain::PostId;
use crate::state::Matrix;

/// A post, as its owner sends it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PostState {
    id: PostId,
    version: i64,
    deleted: bool,
    author_id: Option<UserId>,
    title: Option<String>,
    content: Option<String>,
    image_url: Option<String>,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
}

impl State for PostState {
    const STREAM: &'static str = "post";

    fn key(&self) -> Key {
        self.id.0.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl PostState {
    /// The state as it is kept: a tombstone has no fields.
    fn kept(self) -> Self {
        if !self.deleted {
            return self;
        }
        let Self { id, version, deleted, .. } = self;
        Self {
            id,
            version,
            deleted,
            author_id: None,
            title: None,
            content: None,
            image_url: None,
            created_at: None,
            updated_at: None,
        }
    }
}

impl From<Model> for PostState {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            version: row.version,
            deleted: row.deleted,
            author_id: row.author_id,
            title: row.title,
            content: row.content,
            image_url: row.image_url,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

impl From<PostState> for ActiveModel {
    fn from(state: PostState) -> Self {
        let state = state.kept();
        Self {
            id: Set(state.id),
            version: Set(state.version),
            deleted: Set(state.deleted),
            author_id: Set(state.author_id),
            title: Set(state.title),
            content: Set(state.content),
            image_url: Set(state.image_url),
            created_at: Set(state.created_at),
            updated_at: Set(state.updated_at),
        }
    }
}

/// The consumer of `post`.
pub(crate) struct Posts {
    pub(crate) matrix: Matrix,
}

#[async_trait]
impl Consumer for Posts {
    type State = PostState;

    async fn apply(&self, tx: &mut Tx, states: Vec<PostState>) -> Result<(), ApplyError> {
        let rows: Vec<ActiveModel> = states.into_iter().map(ActiveModel::from).collect();
        Ok(upsert_newer(tx, rows, Column::Version).await?)
    }

    async fn page(&self, db: &DatabaseConnection, after: Option<&Key>, limit: u64) -> Result<Vec<PostState>, DbErr> {
        let after = after.map(Key::first).unwrap_or_default();
        let rows = Entity::find().filter(Column::Id.gt(after)).order_by_asc(Column::Id).limit(limit).all(db).await?;
        Ok(rows.into_iter().map(PostState::from).collect())
    }

    async fn forget(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr> {
        let rows = Entity::delete_many().filter(Column::Id.eq(key.first())).filter(Column::Version.eq(version));
        rows.exec(&**tx).await.map(|_| ())
    }

    fn remember(&self, states: &[PostState]) {
        let mut matrix = self.matrix.write();
        for state in states {
            let author = state.author_id.filter(|_| !state.deleted);
            matrix.set_post(state.id, author, state.deleted, state.version);
        }
    }

    /// Reads no texts: memory holds none.
    async fn load(&self, db: &DatabaseConnection) -> Result<(), DbErr> {
        let mut after = PostId(0);
        loop {
            let columns = [Column::Id, Column::AuthorId, Column::Deleted, Column::Version];
            let page = Entity::find().select_only().columns(columns).filter(Column::Id.gt(after));
            let page = page.order_by_asc(Column::Id).limit(PAGE);
            let rows: Vec<(PostId, Option<UserId>, bool, i64)> = page.into_tuple().all(db).await?;
            let Some((last, ..)) = rows.last() else { return Ok(()) };
            after = *last;
            let mut matrix = self.matrix.write();
            for (id, author, deleted, version) in rows {
                matrix.set_post(id, author, deleted, version);
            }
        }
    }

    fn view(&self, state: PostState) -> PostState {
        state.kept()
    }
}
