//! Sessions: opening, rotating and ending them.
//!
//! Opening and rotating hold the lock on the person's row, which a block takes too: a block ends what was opened before
//! it, and whoever comes after it sees it.

use std::time::Duration;

use crate::db::entities::{refresh_token, session, user};
use crate::db::queries::{sessions, users};
use crate::domain::secret;
use crate::error::AuthError;
use crate::state::AppState;
use sea_orm::ConnectionTrait;
use shared::clock::Timestamp;
use shared::ids::UserId;

/// How long a session may rest.
const INACTIVE: Duration = Duration::from_secs(30 * 86_400);
/// How old a session may get.
pub(crate) const ABSOLUTE: Duration = Duration::from_secs(90 * 86_400);
/// How long the same refresh token may be sent again: by other tabs, or because the answer was lost.
const SEVERAL_TABS: Duration = Duration::from_secs(10);

/// What a login or a refresh gives.
pub(crate) struct Pair {
    pub(crate) user_id: UserId,
    pub(crate) access_token: String,
    pub(crate) refresh_token: String,
}

/// Opens a session for somebody whose password was right.
pub(crate) async fn open(state: &AppState, user: &user::Model) -> Result<Pair, AuthError> {
    let now = state.clock.now();
    let tx = state.db.begin_in_reserve().await?;
    let user = users::lock(&*tx, user.user_id()).await?.ok_or(AuthError::InvalidCredentials)?;
    check(&user)?;
    let session = sessions::insert(&*tx, user.id, now).await?;
    let refresh_token = secret::new_token();
    sessions::insert_token(&*tx, &session, None, secret::hash(&refresh_token), now).await?;
    let access_token = state.signer.access_token(&user, now)?;
    tx.commit().await?;
    Ok(Pair { user_id: user.user_id(), access_token, refresh_token })
}

/// Exchanges a refresh token for a new pair.
///
/// A used token ends the whole session, because one of its two holders is a thief; unless it comes back at once, as it does
/// from a second tab or after a lost answer. Then it gets the end of its chain, which is its successor or, when others have
/// used that already, what follows: a token that lives, and the same for all who ask.
pub(crate) async fn rotate(state: &AppState, presented: &str) -> Result<Pair, AuthError> {
    let now = state.clock.now();
    let hash = secret::hash(presented);
    let tx = state.db.begin_in_reserve().await?;
    let token = sessions::find_token(&*tx, &hash).await?.ok_or(AuthError::BadRefreshToken)?;
    let user = users::lock(&*tx, UserId(token.user_id)).await?.ok_or(AuthError::BadRefreshToken)?;
    // Read again under the lock: another request may have used it meanwhile.
    let token = sessions::find_token(&*tx, &hash).await?.ok_or(AuthError::BadRefreshToken)?;
    let session = sessions::find(&*tx, token.session_id).await?.ok_or(AuthError::BadRefreshToken)?;
    if session.revoked_at.is_some() || check(&user).is_err() || is_too_old(&session, &token, now) {
        return Err(AuthError::BadRefreshToken);
    }
    let refresh_token = match token.used_at {
        None => {
            sessions::use_token(&*tx, token.id, now).await?;
            let successor = state.signer.successor(presented);
            sessions::insert_token(&*tx, &session, Some(token.id), secret::hash(&successor), now).await?;
            successor
        }
        Some(used_at) if now.since(used_at) <= SEVERAL_TABS => end_of_chain(state, &*tx, presented).await?,
        Some(_) => {
            sessions::revoke(&*tx, session.id, now).await?;
            tx.commit().await?;
            tracing::warn!(
                user.id = user.id,
                session.id = session.id,
                "A refresh token was used twice; its session is ended."
            );
            return Err(AuthError::BadRefreshToken);
        }
    };
    let access_token = state.signer.access_token(&user, now)?;
    tx.commit().await?;
    Ok(Pair { user_id: user.user_id(), access_token, refresh_token })
}

/// The token at the end of the chain that begins with a used one. One whose successor was made with another key is refused.
async fn end_of_chain(state: &AppState, db: &impl ConnectionTrait, used: &str) -> Result<String, AuthError> {
    let mut end = used.to_owned();
    loop {
        end = state.signer.successor(&end);
        let token = sessions::find_token(db, &secret::hash(&end)).await?.ok_or(AuthError::BadRefreshToken)?;
        if token.used_at.is_none() {
            return Ok(end);
        }
    }
}

/// Ends the session of a refresh token. One that is not known has no session to end.
pub(crate) async fn end(state: &AppState, presented: &str) -> Result<(), AuthError> {
    let tx = state.db.begin_in_reserve().await?;
    if let Some(token) = sessions::find_token(&*tx, &secret::hash(presented)).await? {
        sessions::revoke(&*tx, token.session_id, state.clock.now()).await?;
    }
    Ok(tx.commit().await?)
}

fn check(user: &user::Model) -> Result<(), AuthError> {
    if user.blocked_at.is_some() {
        return Err(AuthError::Blocked);
    }
    if user.verified_at.is_none() { Err(AuthError::NotVerified) } else { Ok(()) }
}

fn is_too_old(session: &session::Model, token: &refresh_token::Model, now: Timestamp) -> bool {
    now.since(session.created_at) >= ABSOLUTE || now.since(token.issued_at) >= INACTIVE
}
