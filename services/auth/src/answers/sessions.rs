//! The sessions of a person, as nobody else gets them.

use std::collections::HashMap;

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
    /// The name of the other people's client that was granted access; absent for Chatty's own login.
    application: Option<String>,
    /// The scopes of that client.
    #[schema(example = "read write")]
    scope: Option<String>,
    /// True for the session of this request.
    current: bool,
}

impl SessionOut {
    /// Builds the answer from a session. `current` is the session of the request. `clients` are the names of other
    /// people's clients, by their ids.
    pub(crate) fn of(session: Model, current: SessionId, clients: &HashMap<String, String>) -> Self {
        let id = SessionId(session.id);
        let application = session.client_id.as_ref().and_then(|id| clients.get(id).cloned());
        Self {
            id,
            client: session.client,
            address: session.address,
            started_at: session.created_at,
            last_used_at: session.last_used_at.unwrap_or(session.created_at),
            application,
            scope: session.scope,
            current: id == current,
        }
    }
}

/// One's own sessions.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionsOut {
    pub(crate) sessions: Vec<SessionOut>,
}
