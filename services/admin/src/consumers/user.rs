//! The copy of users.

use async_trait::async_trait;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde::{Deserialize, Serialize};
use shared::auth::{Account, Accounts};
use shared::clock::Timestamp;
use shared::db::{Tx, upsert_newer};
use shared::events::{ApplyError, Consumer, Key, State};
use shared::ids::UserId;

use crate::db::entities::users::{ActiveModel, Column, Entity, Model};

/// What this service reads of a user's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct UserState {
    id: UserId,
    version: i64,
    deleted: bool,
    username: Option<String>,
    role: Option<String>,
    created_at: Option<Timestamp>,
    verified: bool,
    blocked: bool,
    session_version: i64,
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

impl From<Model> for UserState {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            version: row.version,
            deleted: row.deleted,
            username: row.username,
            role: row.role,
            created_at: row.created_at,
            verified: row.verified,
            blocked: row.blocked,
            session_version: row.session_version,
        }
    }
}

/// Keeps the copy, and the blocked people in memory.
pub(crate) struct Users {
    pub(crate) accounts: Accounts,
}

#[async_trait]
impl Consumer for Users {
    type State = UserState;

    async fn apply(&self, tx: &mut Tx, states: Vec<UserState>) -> Result<(), ApplyError> {
        let rows = states.into_iter().map(|state| self.view(state)).map(|state| ActiveModel {
            id: Set(state.id),
            version: Set(state.version),
            deleted: Set(state.deleted),
            username: Set(state.username),
            role: Set(state.role),
            created_at: Set(state.created_at),
            verified: Set(state.verified),
            blocked: Set(state.blocked),
            session_version: Set(state.session_version),
        });
        Ok(upsert_newer(tx, rows.collect(), Column::Version).await?)
    }

    async fn page(&self, db: &DatabaseConnection, after: Option<&Key>, limit: u64) -> Result<Vec<UserState>, DbErr> {
        let rows =
            Entity::find().filter(Column::Id.gt(after.map_or(0, Key::first))).order_by_asc(Column::Id).limit(limit);
        Ok(rows.all(db).await?.into_iter().map(Into::into).collect())
    }

    async fn forget(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr> {
        let row = Entity::delete_many().filter(Column::Id.eq(key.first())).filter(Column::Version.eq(version));
        row.exec(&**tx).await.map(|_| ())
    }

    fn remember(&self, states: &[UserState]) {
        for state in states {
            let active = !state.deleted && !state.blocked;
            self.accounts
                .merge(state.id, Account { version: state.version, active, session_version: state.session_version });
        }
    }

    async fn load(&self, db: &DatabaseConnection) -> Result<(), DbErr> {
        let special = Condition::any()
            .add(Column::Deleted.eq(true))
            .add(Column::Blocked.eq(true))
            .add(Column::SessionVersion.gt(0));
        let rows = Entity::find().filter(special).all(db).await?;
        self.remember(&rows.into_iter().map(Into::into).collect::<Vec<_>>());
        Ok(())
    }

    fn view(&self, state: UserState) -> UserState {
        if !state.deleted {
            return state;
        }
        UserState { username: None, role: None, created_at: None, ..state }
    }
}
