//! The exchange of a refresh token for the next pair of tokens.
//!
//! A refresh token is used once. A second use means that two parties hold it, and one of them is a thief, so it ends
//! the whole session. For ten seconds after the first use, however, tabs that refresh together and clients that lost
//! an answer get the successor again (ADR 18).

use sea_orm::ConnectionTrait;
use shared::http::RemoteClient;
use shared::ids::UserId;
use shared::work::Db;

use super::open_session::require_active;
use crate::credentials::{Signer, TokenPair};
use crate::db::queries::sessions::{self, Ending};
use crate::db::queries::{account_log, clients, users};
use crate::domain::audit_event::AuditEvent;
use crate::domain::{secret, session};
use crate::error::Error;
use crate::streams::session_end::publish_ends;

/// Exchanges a refresh token for a new pair.
///
/// # Errors
/// [`Error::BadRefreshToken`] when the token is unknown, expired, or was used more than ten seconds ago, when no unused
/// successor of it is found, or when its session has ended or its account is blocked.
pub(crate) async fn rotate_session(
    db: &Db,
    signer: &Signer,
    client: &RemoteClient,
    presented: &str,
) -> Result<TokenPair, Error> {
    let now = db.clock().now();
    let hash = secret::hash(presented);
    let mut tx = db.begin_in_reserve().await?;
    // The first look only tells which account to lock. The lock makes all requests about the sessions of an account
    // follow one another.
    let token = sessions::find_token(&*tx, &hash).await?.ok_or(Error::BadRefreshToken)?;
    let user = users::find_locked(&*tx, UserId(token.user_id)).await?.ok_or(Error::BadRefreshToken)?;
    // The token is read again under the lock, because another request may have used it since the first look.
    let token = sessions::find_token(&*tx, &hash).await?.ok_or(Error::BadRefreshToken)?;
    let opened = sessions::find(&*tx, token.session_id).await?.ok_or(Error::BadRefreshToken)?;
    let has_expired = session::has_expired(opened.created_at, token.issued_at, now);
    if opened.revoked_at.is_some() || has_expired || require_active(&user).is_err() {
        return Err(Error::BadRefreshToken);
    }
    // The client may have been deleted, alone or with the account of its owner.
    if let Some(id) = &opened.client_id
        && clients::find(&*tx, id).await?.is_none()
    {
        return Err(Error::BadRefreshToken);
    }
    let refresh_token = match token.used_at {
        None => {
            sessions::mark_token_used(&*tx, token.id, now).await?;
            let successor = signer.successor_of(presented);
            sessions::insert_token(&*tx, &opened, Some(token.id), secret::hash(&successor), now).await?;
            successor
        }
        Some(used_at) if session::may_repeat(used_at, now) => find_unused_successor(&*tx, signer, presented).await?,
        Some(_) => {
            // The end of the session is committed before the error is returned, because the error would roll it back.
            let ended = sessions::revoke(&*tx, Ending::One(opened.id), now).await?;
            publish_ends(&mut tx, &ended)?;
            account_log::record_by_nobody(&*tx, AuditEvent::TokenReused, Some(user.user_id()), now).await?;
            tx.commit().await?;
            tracing::warn!(
                user.id = user.id,
                session.id = opened.id,
                "A refresh token was used twice; its session is ended."
            );
            return Err(Error::BadRefreshToken);
        }
    };
    sessions::record_use(&*tx, opened.id, client, now).await?;
    let access_token = signer.sign_access_token(&user, &opened, now)?;
    tx.commit().await?;
    let is_role_withheld = signer.role_of(&user) != user.role();
    Ok(TokenPair { user_id: user.user_id(), is_role_withheld, access_token, refresh_token, scopes: opened.scopes() })
}

/// Follows the successors of a used token to the first that is not used yet: a faster tab may have used the direct
/// successor already.
///
/// # Errors
/// [`Error::BadRefreshToken`] when a successor was computed with another key file and so cannot be found.
async fn find_unused_successor(db: &impl ConnectionTrait, signer: &Signer, used: &str) -> Result<String, Error> {
    let mut successor = signer.successor_of(used);
    loop {
        let token = sessions::find_token(db, &secret::hash(&successor)).await?.ok_or(Error::BadRefreshToken)?;
        if token.used_at.is_none() {
            return Ok(successor);
        }
        successor = signer.successor_of(&successor);
    }
}
