//! The sessions of a person, as only they get them.

use serde::Serialize;
use shared::clock::Timestamp;
use shared::ids::SessionId;
use utoipa::ToSchema;

use crate::db::entities::sessions::Model;

/// A session: one login that has not ended.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionOut {
    id: SessionId,
    /// The `User-Agent` of the newest login or refresh.
    client: Option<String>,
    /// The IP address of the newest login or refresh.
    address: Option<String>,
    started_at: Timestamp,
    last_used_at: Timestamp,
    /// True for the session of this request.
    current: bool,
}

impl SessionOut {
    /// Builds the answer from a session, where `current` is the session of the request.
    pub(crate) fn of(session: Model, current: SessionId) -> Self {
        let id = SessionId(session.id);
        Self {
            id,
            client: session.client,
            address: session.address,
            started_at: session.created_at,
            last_used_at: session.last_used_at.unwrap_or(session.created_at),
            current: id == current,
        }
    }
}

/// One's own sessions.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionsOut {
    pub(crate) sessions: Vec<SessionOut>,
}
