//! What the handlers share.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use shared::auth::{Auth, CurrentUser};
use shared::clock::Clock;
use shared::db::Db;
use shared::error::ApiError;
use tokio::sync::Notify;

use crate::db::entities::user;
use crate::db::queries::users;
use crate::error::AuthError;
use crate::hasher::Hasher;
use crate::shown::ShownUsers;
use crate::signer::Signer;

/// The state of the service.
#[derive(Clone)]
pub(crate) struct AppState {
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) auth: Auth,
    /// People as they are answered.
    pub(crate) shown: ShownUsers,
    pub(crate) hasher: Hasher,
    pub(crate) signer: Arc<Signer>,
    /// Wakes the mail worker after a commit.
    pub(crate) mail_wake: Arc<Notify>,
    /// What links in mails begin with.
    pub(crate) public_url: Arc<str>,
    /// Whether mails go to the development mailbox.
    pub(crate) dev_mail: bool,
}

impl FromRef<AppState> for Auth {
    fn from_ref(state: &AppState) -> Self {
        state.auth.clone()
    }
}

/// The bearer's own row: not blocked, and the session has not been ended.
pub(crate) struct Me(pub(crate) user::Model);

impl FromRequestParts<AppState> for Me {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let bearer = CurrentUser::from_request_parts(parts, state).await?;
        let user = users::find(state.db.read(), bearer.id).await?.ok_or(AuthError::SessionEnded)?;
        if user.blocked_at.is_some() {
            return Err(AuthError::Blocked.into());
        }
        if bearer.session_version < user.session_version {
            return Err(AuthError::SessionEnded.into());
        }
        Ok(Self(user))
    }
}
