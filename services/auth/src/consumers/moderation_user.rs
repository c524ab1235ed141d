//! `moderation.user`: admin decides who is blocked; auth applies it to the person and publishes the result.

use async_trait::async_trait;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use shared::db::{Reads, Tx};
use shared::events::{self, ApplyError, Consumer, Key, State};
use shared::ids::UserId;

use crate::db::queries::{sessions, users};
use crate::user_stream::UserState;

/// The newest decision about a person.
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

/// Applies decisions to people.
pub(crate) struct ModerationUserConsumer;

#[async_trait]
impl Consumer for ModerationUserConsumer {
    type State = Decision;

    async fn apply(&self, tx: &mut Tx, decisions: Vec<Decision>) -> Result<(), ApplyError> {
        let now = tx.clock().now();
        let mut changed = Vec::new();
        for decision in decisions {
            // The decision is compared under the lock; a login meanwhile waits and then sees the block.
            let Some(user) = users::lock(&**tx, decision.id).await? else {
                tracing::warn!(user.id = decision.id.0, "A decision is about somebody who does not exist here.");
                continue;
            };
            let blocked_at = decision.blocked.then(|| user.blocked_at.unwrap_or(now));
            let newly_blocked = decision.blocked && user.blocked_at.is_none();
            let applied = users::decide(&**tx, decision.id, decision.version, blocked_at, newly_blocked, now).await?;
            if let Some(user) = applied {
                if newly_blocked {
                    sessions::revoke_all(&**tx, user.id, now).await?;
                }
                changed.push(UserState::from(user));
            }
        }
        if !changed.is_empty() {
            events::publish(tx, &changed)?;
        }
        Ok(())
    }

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<Decision>, DbErr> {
        let users = users::page_decided(db, after.map_or(0, Key::first), limit).await?;
        let decision = |user: crate::db::entities::user::Model| Decision {
            id: user.user_id(),
            version: user.decision_version,
            blocked: user.blocked_at.is_some(),
        };
        Ok(users.into_iter().map(decision).collect())
    }

    async fn can_apply(&self, db: &Reads, key: &Key) -> Result<bool, DbErr> {
        Ok(users::find(db, UserId(key.first())).await?.is_some())
    }

    async fn delete(&self, tx: &Tx, key: &Key, version: i64) -> Result<(), DbErr> {
        users::forget_decision(&**tx, key.first(), version).await
    }
}
