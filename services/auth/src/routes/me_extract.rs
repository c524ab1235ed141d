//! The extractors that read the account of the person who asks.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use shared::auth::{CurrentUser, Role, Scopes};
use shared::error::ApiError;
use shared::ids::{NOBODY, SessionId, UserId};

use crate::db::entities::users::Model as User;
use crate::db::queries::{sessions, users};
use crate::error::Error;
use crate::state::AppState;

/// The account of the bearer of an access token, and the session of the token. Both are read for every request, so that
/// a block or the end of a session counts at once, and not only when the token expires.
///
/// Tokens of other people's clients are refused, because the routes that ask for `Me` decide who owns the account.
pub(crate) struct Me {
    pub(crate) user: User,
    /// The session of the token; [`NOBODY`] for a token that was issued before sessions had ids.
    pub(crate) session_id: SessionId,
}

impl FromRequestParts<AppState> for Me {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, s: &AppState) -> Result<Self, Error> {
        match ScopedMe::from_request_parts(parts, s).await? {
            ScopedMe { me, scopes: None } => Ok(me),
            ScopedMe { scopes: Some(_), .. } => Err(Error::FirstPartyOnly),
        }
    }
}

/// The same as [`Me`], but tokens of other people's clients are accepted too.
pub(crate) struct ScopedMe {
    pub(crate) me: Me,
    /// The scopes of such a token; `None` for a token of Chatty's own login.
    pub(crate) scopes: Option<Scopes>,
}

impl FromRequestParts<AppState> for ScopedMe {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, s: &AppState) -> Result<Self, Error> {
        let bearer = CurrentUser::from_request_parts(parts, s).await?;
        let user = users::find(s.db.read(), bearer.id).await?.ok_or(Error::SessionEnded)?;
        if user.blocked_at.is_some() {
            return Err(Error::Blocked);
        }
        if bearer.session_version < user.session_version {
            return Err(Error::SessionEnded);
        }
        let session_id = bearer.session_id;
        if session_id.0 != NOBODY {
            let session = sessions::find(s.db.read(), session_id.0).await?;
            session.filter(|session| session.revoked_at.is_none()).ok_or(Error::SessionEnded)?;
        }
        Ok(Self { me: Me { user, session_id }, scopes: bearer.scopes })
    }
}

/// An admin who asks. The role in the account's row counts, because the one in the token may be older. An admin who
/// still has to turn two-factor sign-in on does not count as an admin.
pub(crate) struct AdminMe {
    pub(crate) id: UserId,
}

impl FromRequestParts<AppState> for AdminMe {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, s: &AppState) -> Result<Self, Error> {
        let me = Me::from_request_parts(parts, s).await?;
        match s.signer.role_of(&me.user) {
            Role::Admin => Ok(Self { id: me.user.user_id() }),
            Role::User => Err(ApiError::forbidden("Administrators only").into()),
        }
    }
}
