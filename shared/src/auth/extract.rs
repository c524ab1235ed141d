//! Extractors that authenticate.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::{header, request::Parts};

use super::accounts::Accounts;
use super::keys::Keys;
use super::token::{Role, verify};
use crate::clock::Clock;
use crate::error::ApiError;
use crate::http::request_id;
use crate::ids::UserId;

/// What authentication needs; part of every service's state.
#[derive(Clone)]
pub struct Auth {
    /// The public keys.
    pub keys: Keys,
    /// Blocked accounts and ended sessions.
    pub accounts: Accounts,
    /// The time.
    pub clock: Clock,
}

/// Somebody with a valid access token, who is not blocked as far as this service knows.
#[derive(Clone, Debug)]
pub struct CurrentUser {
    /// The user's id.
    pub id: UserId,
    /// The username.
    pub username: String,
    /// The role.
    pub role: Role,
    /// The session version that the token was issued for.
    pub session_version: i64,
}

/// A [`CurrentUser`] who is an admin.
#[derive(Clone, Debug)]
pub struct AdminUser(pub CurrentUser);

impl<S: Send + Sync> FromRequestParts<S> for CurrentUser
where
    Auth: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        request_id::note_personal();
        let auth = Auth::from_ref(state);
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let token = match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            _ => return Err(ApiError::unauthorized("An access token is required")),
        };
        let claims = verify(&auth.keys, &auth.clock, token).await?;
        let id = claims.user_id().unwrap_or(UserId(crate::ids::NOBODY));
        if let Some(account) = auth.accounts.get(id) {
            if !account.active {
                return Err(ApiError::forbidden("Account blocked"));
            }
            if claims.sv < account.session_version {
                return Err(ApiError::unauthorized("The session has ended, log in again"));
            }
        }
        Ok(Self { id, username: claims.username.clone(), role: claims.role, session_version: claims.sv })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AdminUser
where
    Auth: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let user = CurrentUser::from_request_parts(parts, state).await?;
        match user.role {
            Role::Admin => Ok(Self(user)),
            Role::User => Err(ApiError::forbidden("Administrators only")),
        }
    }
}
