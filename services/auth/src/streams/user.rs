//! The `user` stream: people as all services see them, without address and password.
//!
//! The fields of [`UserState`] are a contract with the services that keep a copy: asyncapi.yaml describes them.

use async_trait::async_trait;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use shared::auth::Role;
use shared::clock::Timestamp;
use shared::db::Reads;
use shared::events::{Key, Source, State};
use shared::ids::UserId;

use crate::db::entities::users::Model;
use crate::db::queries::users;

/// The newest public state of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserState {
    pub(crate) id: UserId,
    pub(crate) version: i64,
    pub(crate) deleted: bool,
    pub(crate) username: String,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) verified: bool,
    pub(crate) blocked: bool,
    pub(crate) role: Role,
    pub(crate) session_version: i64,
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
    fn from(user: Model) -> Self {
        Self {
            id: user.user_id(),
            version: user.version,
            deleted: false,
            verified: user.verified_at.is_some(),
            blocked: user.blocked_at.is_some(),
            role: user.role(),
            username: user.username,
            first_name: user.first_name,
            last_name: user.last_name,
            bio: user.bio,
            created_at: user.created_at,
            session_version: user.session_version,
        }
    }
}

/// Reads the states of people, for copies that are filled or compared.
pub(crate) struct UserSource;

#[async_trait]
impl Source for UserSource {
    type State = UserState;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<UserState>, DbErr> {
        let users = users::page(db, after.map_or(0, Key::first), limit).await?;
        Ok(users.into_iter().map(UserState::from).collect())
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<UserState>, DbErr> {
        let users = users::find_many(db, keys.iter().map(Key::first)).await?;
        Ok(users.into_iter().map(UserState::from).collect())
    }
}
