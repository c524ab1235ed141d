//! The stream `moderation.user`: admin decides who is blocked. This service applies the decision to the account and
//! publishes the result in its own stream.

use async_trait::async_trait;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use shared::db::Reads;
use shared::events::{self, ApplyError, Consumer, Key, State, StoredCopy};
use shared::ids::UserId;
use shared::work::Tx;

use crate::db::entities::users::Model;
use crate::db::queries::sessions::{self, Ending};
use crate::db::queries::users;
use crate::streams::user::UserState;

/// The newest decision about a person, with admin's own version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decision {
    id: UserId,
    version: i64,
    blocked: bool,
}

impl State for Decision {
    const STREAM: &'static str = "moderation.user";

    fn key(&self) -> Key {
        self.id.0.into()
    }

    fn version(&self) -> i64 {
        self.version
    }
}

impl From<Model> for Decision {
    fn from(user: Model) -> Self {
        Self { id: user.user_id(), version: user.decision_version, blocked: user.blocked_at.is_some() }
    }
}

/// Applies decisions to accounts. The account's row keeps the copy of the decision.
pub(crate) struct Decisions;

#[async_trait]
impl Consumer for Decisions {
    type State = Decision;

    async fn apply(&self, tx: &mut Tx, decisions: Vec<Decision>) -> Result<(), ApplyError> {
        let now = tx.clock().now();
        let mut changed = Vec::new();
        for decision in decisions {
            // Logins lock the same row: a login before the block gets a session, which the block ends, and a login
            // after it sees the block.
            let Some(user) = users::find_locked(&**tx, decision.id).await? else {
                tracing::warn!(user.id = decision.id.0, "A decision is about somebody who does not exist here.");
                continue;
            };
            // A person who is blocked already keeps the time of the first block.
            let blocked_at = decision.blocked.then(|| user.blocked_at.unwrap_or(now));
            // A second decision to block must not end the sessions again: there are none, but the session version would
            // rise.
            let newly_blocked = decision.blocked && user.blocked_at.is_none();
            let applied =
                users::apply_decision(&**tx, decision.id, decision.version, blocked_at, newly_blocked, now).await?;
            if let Some(user) = applied {
                if newly_blocked {
                    sessions::revoke(&**tx, Ending::AllOf(user.id), now).await?;
                }
                changed.push(UserState::from(user));
            }
        }
        if !changed.is_empty() {
            events::publish(tx, &changed)?;
        }
        Ok(())
    }
}

#[async_trait]
impl StoredCopy for Decisions {
    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<Decision>, DbErr> {
        let users = users::page_decided(db, after.map_or(0, Key::first), limit).await?;
        Ok(users.into_iter().map(Decision::from).collect())
    }

    async fn can_apply(&self, db: &Reads, key: &Key) -> Result<bool, DbErr> {
        Ok(users::find(db, UserId(key.first())).await?.is_some())
    }

    async fn delete(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr> {
        users::reset_decision_version(&**tx, key.first(), version).await
    }
}
