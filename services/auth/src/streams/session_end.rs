//! The `session_end` stream: sessions that have ended, so that all services refuse their access tokens at once.

use async_trait::async_trait;
use sea_orm::DbErr;
use serde::{Deserialize, Serialize};
use shared::clock::{Clock, Timestamp};
use shared::db::Reads;
use shared::events::{self, Key, PublishError, Source, State};
use shared::ids::SessionId;
use shared::work::Tx;

use crate::db::entities::sessions::Model;
use crate::db::queries::sessions;
use crate::domain::session;

/// The end of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SessionEndState {
    pub(crate) id: SessionId,
    /// Always 1: a session ends once.
    pub(crate) version: i64,
    /// Always false, because the state itself says that the session has ended.
    pub(crate) deleted: bool,
    /// The time at which the last access token of the session has expired.
    pub(crate) expires_at: Timestamp,
}

impl State for SessionEndState {
    const STREAM: &'static str = "session_end";

    fn key(&self) -> Key {
        self.id.0.into()
    }

    fn version(&self) -> i64 {
        self.version
    }

    fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }
}

impl SessionEndState {
    /// Returns the state of a session. `None` while the session has not ended, or when it ended together with all
    /// sessions of the person, which the session version of the account tells.
    pub(crate) fn of(session: &Model) -> Option<Self> {
        let ended_at = session.revoked_at.filter(|_| session.is_end_published)?;
        let expires_at = session::last_token_expires_at(ended_at);
        Some(Self { id: SessionId(session.id), version: 1, deleted: false, expires_at })
    }
}

/// Publishes the ends of sessions in the transaction that ends them.
///
/// # Errors
/// When the event is too large for the outbox.
pub(crate) fn publish_ends(tx: &mut Tx, ended: &[Model]) -> Result<(), PublishError> {
    let states: Vec<SessionEndState> = ended.iter().filter_map(SessionEndState::of).collect();
    if states.is_empty() { Ok(()) } else { events::publish(tx, &states) }
}

/// Reads the ended sessions whose tokens may still be valid, for copies that are filled or compared.
pub(crate) struct SessionEndSource {
    /// The clock by which sessions that ended long ago are left out.
    pub(crate) clock: Clock,
}

#[async_trait]
impl Source for SessionEndSource {
    type State = SessionEndState;

    async fn page(&self, db: &Reads, after: Option<&Key>, limit: u64) -> Result<Vec<SessionEndState>, DbErr> {
        // More sessions than needed are read, so that a copy with a slow clock has no row that is missing here.
        let since = self.clock.now() - session::END_RETENTION;
        let ended = sessions::page_ended(db, since, after.map_or(0, Key::first), limit).await?;
        Ok(ended.iter().filter_map(SessionEndState::of).collect())
    }

    async fn find(&self, db: &Reads, keys: &[Key]) -> Result<Vec<SessionEndState>, DbErr> {
        let found = sessions::find_many(db, keys.iter().map(Key::first)).await?;
        Ok(found.iter().filter_map(SessionEndState::of).collect())
    }
}
