//! The beginning of a session.
//!
//! Opening and rotating a session lock the account's row, and so does a block. So a block ends every session that was
//! opened before it, and a login after it sees the block.

use shared::auth::Scopes;
use shared::http::RemoteClient;
use shared::work::{Db, Tx};

use crate::credentials::{Signer, TokenPair};
use crate::db::entities::users::Model as User;
use crate::db::queries::{account_log, sessions, users};
use crate::domain::audit_event::AuditEvent;
use crate::domain::secret;
use crate::error::Error;

/// Opens a session for a person who has proved to be the person, and returns its first pair of tokens.
///
/// # Errors
/// [`Error::Blocked`], [`Error::NotVerified`], [`Error::AwaitsApproval`], or [`Error::InvalidCredentials`] when the
/// account was erased since the proof was checked.
pub(super) async fn open_session(
    db: &Db,
    signer: &Signer,
    client: &RemoteClient,
    user: &User,
) -> Result<TokenPair, Error> {
    // A full disk must not lock people out, so sessions may use the space that is kept in reserve.
    let tx = db.begin_in_reserve().await?;
    let (pair, _session) = open_session_in(&tx, signer, client, user, None).await?;
    tx.commit().await?;
    Ok(pair)
}

/// Opens a session in the caller's transaction, and returns its first pair of tokens and its id. `grant` is the other
/// people's client that the session belongs to, with the scopes that it gets.
///
/// # Errors
/// As [`open_session`].
pub(super) async fn open_session_in(
    tx: &Tx,
    signer: &Signer,
    client: &RemoteClient,
    user: &User,
    grant: Option<(String, Scopes)>,
) -> Result<(TokenPair, i64), Error> {
    let now = tx.clock().now();
    // The row is read again under the lock: the one at hand is from before the password was hashed, which takes a
    // while.
    let user = users::find_locked(&**tx, user.user_id()).await?.ok_or(Error::InvalidCredentials)?;
    require_active(&user)?;
    let kind = if grant.is_some() { AuditEvent::ClientSignedIn } else { AuditEvent::SignedIn };
    account_log::record_own(&**tx, kind, user.user_id(), now).await?;
    let session = sessions::insert(&**tx, user.id, client, grant, now).await?;
    let refresh_token = secret::new_token();
    sessions::insert_token(&**tx, &session, None, secret::hash(&refresh_token), now).await?;
    let access_token = signer.sign_access_token(&user, &session, now)?;
    let is_role_withheld = signer.role_of(&user) != user.role();
    let (user_id, scopes) = (user.user_id(), session.scopes());
    Ok((TokenPair { user_id, is_role_withheld, access_token, refresh_token, scopes }, session.id))
}

/// Refuses an account that may not have a session. A block comes first, because a verification would not lift it.
pub(super) fn require_active(user: &User) -> Result<(), Error> {
    if user.blocked_at.is_some() {
        return Err(Error::Blocked);
    }
    if user.verified_at.is_none() {
        return Err(Error::NotVerified);
    }
    if user.is_member() { Ok(()) } else { Err(Error::AwaitsApproval) }
}
