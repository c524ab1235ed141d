//! `user`: names for answers, and who is blocked or erased.

use async_trait::async_trait;
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::{DatabaseConnection, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use shared::auth::{Account, Accounts};
use shared::clock::Timestamp;
use shared::db::{Tx, upsert_newer};
use shared::events::{ApplyError, Consumer, Key, State};
use shared::ids::UserId;

use super::{PAGE, null_as_default};
use crate::db::entities::users::{ActiveModel, Column, Entity, Model};
use crate::state::Matrix;

/// What this service reads of a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct UserState {
    id: UserId,
    version: i64,
    deleted: bool,
    #[serde(default, deserialize_with = "null_as_default")]
    blocked: bool,
    #[serde(default, deserialize_with = "null_as_default")]
    session_version: i64,
    username: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    bio: Option<String>,
    created_at: Option<Timestamp>,
}

impl State for UserState {
    const STREAM: &'static str = "user";

    fn key(&self) -> Key {
        self.id.0.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl UserState {
    /// The state as it is kept: a tombstone has no fields.
    fn kept(self) -> Self {
        if !self.deleted {
            return self;
        }
        Self { username: None, first_name: None, last_name: None, bio: None, created_at: None, ..self }
    }
}

impl From<Model> for UserState {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            version: row.version,
            deleted: row.deleted,
            blocked: row.blocked,
            session_version: row.session_version,
            username: row.username,
            first_name: row.first_name,
            last_name: row.last_name,
            bio: row.bio,
            created_at: row.created_at,
        }
    }
}

impl From<UserState> for ActiveModel {
    fn from(state: UserState) -> Self {
        let state = state.kept();
        Self {
            id: Set(state.id),
            version: Set(state.version),
            deleted: Set(state.deleted),
            blocked: Set(state.blocked),
            session_version: Set(state.session_version),
            username: Set(state.username),
            first_name: Set(state.first_name),
            last_name: Set(state.last_name),
            bio: Set(state.bio),
            created_at: Set(state.created_at),
        }
    }
}

/// The consumer of `user`.
pub(crate) struct Users {
    pub(crate) matrix: Matrix,
    pub(crate) accounts: Accounts,
}

#[async_trait]
impl Consumer for Users {
    type State = UserState;

    async fn apply(&self, tx: &mut Tx, states: Vec<UserState>) -> Result<(), ApplyError> {
        let rows: Vec<ActiveModel> = states.into_iter().map(ActiveModel::from).collect();
        Ok(upsert_newer(tx, rows, Column::Version).await?)
    }

    async fn page(&self, db: &DatabaseConnection, after: Option<&Key>, limit: u64) -> Result<Vec<UserState>, DbErr> {
        let after = after.map(Key::first).unwrap_or_default();
        let query = Entity::find().filter(Column::Id.gt(after)).filter(Column::Version.gt(0));
        let rows = query.order_by_asc(Column::Id).limit(limit).all(db).await?;
        Ok(rows.into_iter().map(UserState::from).collect())
    }

    async fn forget(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr> {
        let rows = Entity::delete_many().filter(Column::Id.eq(key.first())).filter(Column::Version.eq(version));
        rows.exec(&**tx).await.map(|_| ())
    }

    fn remember(&self, states: &[UserState]) {
        let mut matrix = self.matrix.write();
        for state in states {
            let active = !state.deleted && !state.blocked;
            matrix.set_user(state.id, active, state.version);
            let session_version = state.session_version;
            self.accounts.merge(state.id, Account { version: state.version, active, session_version });
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

    fn view(&self, state: UserState) -> UserState {
        state.kept()
    }
}
