//! The axum extractors that authenticate a request: [`CurrentUser`] and [`AdminUser`].
//!
//! A handler names one of them as an argument, so it cannot run without a valid token.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::{HeaderValue, Method, StatusCode, header, request::Parts};

use super::accounts::Accounts;
use super::claims::Role;
use super::ended_sessions::EndedSessions;
use super::keys::Keys;
use super::personal_blocks::PersonalBlocks;
use super::scopes::Scopes;
use super::token::{verify, verify_export};
use crate::clock::{Clock, Timestamp};
use crate::error::ApiError;
use crate::http::Copies;
use crate::http::limits::Tally;
use crate::ids::{SessionId, UserId};
use crate::request_id;

/// The part of every service's state that authentication needs. Clones share it.
#[derive(Clone)]
pub struct Auth {
    /// The public keys that tokens are verified with.
    pub keys: Keys,
    /// The accounts that are blocked or whose older tokens are refused.
    pub accounts: Accounts,
    /// The sessions whose tokens are refused.
    pub ended_sessions: EndedSessions,
    /// The people who do not see each other; always empty in a service that does not consume `personal_block`.
    pub personal_blocks: PersonalBlocks,
    /// The clock that expiry is checked by.
    pub clock: Clock,
}

impl Auth {
    /// Creates the state for verification with `keys`, by which nobody is blocked and no session has ended. Consumers
    /// fill the accounts and the ended sessions.
    pub fn new(keys: Keys, clock: Clock) -> Self {
        Self {
            keys,
            accounts: Accounts::default(),
            ended_sessions: EndedSessions::default(),
            personal_blocks: PersonalBlocks::default(),
            clock,
        }
    }

    /// Refuses the tokens of a blocked or erased account, and those whose session has ended, as far as this service
    /// knows.
    ///
    /// # Errors
    /// 403 for the account, 401 for the session.
    pub fn check_session(&self, id: UserId, session_version: i64, session: SessionId) -> Result<(), ApiError> {
        // An unknown account is not refused, because the signature proves that auth knows it (rule R10).
        if let Some(account) = self.accounts.get(id) {
            if !account.active {
                return Err(ApiError::new(StatusCode::FORBIDDEN, "account_blocked", "Account blocked"));
            }
            if session_version < account.session_version {
                return Err(session_ended());
            }
        }
        // After the block: it ends the sessions too, and a blocked person should learn the reason.
        if self.ended_sessions.contains(session) { Err(session_ended()) } else { Ok(()) }
    }
}

/// The sender of a request with a valid access token, whose account is active as far as this service knows. A block
/// that was decided a moment ago may not have reached the service's copy yet; a check that must hold is made by the
/// owner of the account (rule R13).
///
/// Rejections: 401 without a token, with an invalid one or after the end of the session; 403 for a blocked or erased
/// account, or a token whose scopes do not suffice; 429 for too many writes; 503 while no public key is known.
#[derive(Clone, Debug)]
pub struct CurrentUser {
    /// The user's id, a positive number.
    pub id: UserId,
    /// The username in the token.
    pub username: String,
    /// The role in the token.
    pub role: Role,
    /// The session version in the token. Auth, which owns the accounts, compares it with the stored one too.
    pub session_version: i64,
    /// The session in the token. Auth, which owns the sessions, looks it up too.
    pub session_id: SessionId,
    /// The time at which the token expires.
    pub expires_at: Timestamp,
    /// The scopes of a token that was issued to somebody else's client; `None` for a token of Chatty's own login.
    pub scopes: Option<Scopes>,
}

/// A [`CurrentUser`] with the role of an administrator. The rejections are those of [`CurrentUser`], and 403 for any
/// other role.
#[derive(Clone, Debug)]
pub struct AdminUser(pub CurrentUser);

impl<S: Send + Sync> FromRequestParts<S> for CurrentUser
where
    Auth: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        // Noted before any check, so that refusals are marked too: no cache may keep an answer that depends on the
        // token.
        request_id::note_personal();
        let auth = Auth::from_ref(state);
        let user = verify_user(&auth, parts.headers.get(header::AUTHORIZATION), &parts.method).await?;
        // Last, so that nobody is counted for what is refused anyway. Extensions hold it if requests are limited.
        if let Some(tally) = parts.extensions.get::<Tally>() {
            tally.take_account(user.id, &parts.method)?;
        }
        wait_for_positions(parts, &user).await?;
        Ok(user)
    }
}

/// Waits until the copies of this process have reached the positions that a request names, if it names some.
///
/// # Errors
/// 400 when the header is not a list of positions.
pub(super) async fn wait_for_positions(parts: &Parts, user: &CurrentUser) -> Result<(), ApiError> {
    let Some(copies) = parts.extensions.get::<Copies>() else { return Ok(()) };
    // Boxed, because few requests wait, and otherwise the future of every request would have room for this one.
    Box::pin(copies.wait_for(&parts.headers, user.id, user.role == Role::Admin)).await
}

/// Verifies the token in an `Authorization` header, and that its account and session are not refused.
///
/// # Errors
/// The rejections of [`CurrentUser`] except 429.
pub(super) async fn verify_user(
    auth: &Auth,
    authorization: Option<&HeaderValue>,
    method: &Method,
) -> Result<CurrentUser, ApiError> {
    let claims = verify(&auth.keys, &auth.clock, bearer_token(authorization)?).await?;
    // `verify` refuses a token without a usable id, so the default is never taken.
    let id = claims.user_id().unwrap_or(UserId(crate::ids::NOBODY));
    auth.check_session(id, claims.sv, claims.sid)?;
    if let Some(missing) = claims.scope.and_then(|scopes| scopes.missing_for(method)) {
        return Err(insufficient_scope(missing));
    }
    Ok(CurrentUser {
        id,
        username: claims.username.clone(),
        role: claims.role,
        session_version: claims.sv,
        session_id: claims.sid,
        expires_at: Timestamp::from_unix_micros(claims.exp.saturating_mul(1_000_000)),
        scopes: claims.scope,
    })
}

/// The bearer token in an `Authorization` header.
fn bearer_token(authorization: Option<&HeaderValue>) -> Result<&str, ApiError> {
    let header = authorization.and_then(|value| value.to_str().ok()).unwrap_or_default();
    match header.split_once(' ') {
        // The name of a scheme is case-insensitive (RFC 9110, section 11.1).
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(ApiError::unauthorized("An access token is required")),
    }
}

/// The person whose data a request of auth opens, for an export.
///
/// Rejections: 401 without a valid token of this kind; 503 while no public key is known.
#[derive(Clone, Copy, Debug)]
pub struct ExportOf(pub UserId);

impl<S: Send + Sync> FromRequestParts<S> for ExportOf
where
    Auth: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        request_id::note_personal();
        let auth = Auth::from_ref(state);
        verify_export(&auth.keys, &auth.clock, bearer_token(parts.headers.get(header::AUTHORIZATION))?).await.map(Self)
    }
}

/// The refusal of a token whose scopes do not suffice, in the form of RFC 6750, section 3.1.
fn insufficient_scope(missing: &str) -> ApiError {
    let challenge = format!("Bearer error=\"insufficient_scope\", scope=\"{missing}\"");
    let text = "The access token was not granted the scope for this";
    ApiError::new(StatusCode::FORBIDDEN, "insufficient_scope", text).with_header(header::WWW_AUTHENTICATE, challenge)
}

fn session_ended() -> ApiError {
    ApiError::unauthorized("The session has ended, log in again")
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
