//! The `user` stream: people as all services see them, without their addresses and passwords.
//!
//! The fields of [`UserState`] are a contract with the services that keep a copy: asyncapi.yaml describes them.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use shared::auth::Role;
use shared::clock::Timestamp;
use shared::db::Reads;
use shared::events::{Key, Recovery, Source, State};
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::entities::erased_users::Model as ErasedUser;
use crate::db::entities::users::Model;
use crate::db::queries::{erased_users, erasure, users};

/// The newest public state of a person. A tombstone has only the first three fields, and the session version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UserState {
    pub(crate) id: UserId,
    pub(crate) version: i64,
    pub(crate) deleted: bool,
    pub(crate) username: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) bio: Option<String>,
    pub(crate) created_at: Option<Timestamp>,
    /// The copies in some services lack this field, and a restore reads tombstones from them.
    #[serde(default)]
    pub(crate) verified: bool,
    pub(crate) blocked: bool,
    pub(crate) role: Option<Role>,
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
            verified: user.is_member(),
            blocked: user.blocked_at.is_some(),
            role: Some(user.role()),
            username: Some(user.username),
            first_name: user.first_name,
            last_name: user.last_name,
            bio: user.bio,
            created_at: Some(user.created_at),
            session_version: user.session_version,
        }
    }
}

impl From<ErasedUser> for UserState {
    fn from(erased: ErasedUser) -> Self {
        Self {
            id: UserId(erased.id),
            version: erased.version,
            deleted: true,
            username: None,
            first_name: None,
            last_name: None,
            bio: None,
            created_at: None,
            verified: false,
            blocked: false,
            role: None,
            session_version: erased.session_version,
        }
    }
}

/// Reads the states of people, for copies that are filled or compared.
pub(crate) struct UserSource;

#[async_trait]
impl Source for UserSource {
    type State = UserState;

    const RECOVERY: Recovery = Recovery::Tombstones;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<UserState>, DbErr> {
        let after = after.map_or(0, Key::first);
        let mut states = merge(users::page(db, after, limit).await?, erased_users::page(db, after, limit).await?);
        // Each table has returned its lowest ids, so the first `limit` ids of both together are complete.
        states.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(states)
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<UserState>, DbErr> {
        let ids = || keys.iter().map(Key::first);
        Ok(merge(users::find_many(db, ids()).await?, erased_users::find_many(db, ids()).await?))
    }

    /// Erases again the people who have left since the backup was made.
    async fn recover(&self, tx: &Tx, states: Vec<UserState>) -> Result<(), DbErr> {
        let now = tx.clock().now();
        for state in states.iter().filter(|state| state.deleted) {
            if let Some(user) = users::find_locked(&**tx, state.id).await? {
                erasure::erase(tx, &user, state.version, now).await?;
            }
        }
        Ok(())
    }
}

/// Merges the states of both tables in the order of their ids. An account that was erased between the two reads is in
/// both lists; its tombstone wins.
fn merge(users: Vec<Model>, erased: Vec<ErasedUser>) -> Vec<UserState> {
    let states = users.into_iter().map(UserState::from).chain(erased.into_iter().map(UserState::from));
    let by_id: BTreeMap<i64, UserState> = states.map(|state| (state.id.0, state)).collect();
    by_id.into_values().collect()
}
