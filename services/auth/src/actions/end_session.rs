//! The end of sessions by their owner: a logout, or a choice from the list of sessions.

use shared::ids::{SessionId, UserId};
use shared::work::{Db, Tx};

use crate::db::queries::account_log;
use crate::db::queries::sessions::{self, Ending};
use crate::domain::audit_event::AuditEvent;
use crate::domain::secret;
use crate::error::Error;
use crate::streams::session_end::publish_ends;

/// Ends the session of a refresh token. An unknown token is no error: its session is gone, which is what the client
/// wants.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn end_session(db: &Db, presented: &str) -> Result<(), Error> {
    let mut tx = db.begin_in_reserve().await?;
    if let Some(token) = sessions::find_token(&*tx, &secret::hash(presented)).await? {
        sign_out(&mut tx, UserId(token.user_id), token.session_id).await?;
    }
    Ok(tx.commit().await?)
}

/// Ends the session of an access token, which the caller has verified. The session may have ended before.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn end_session_by_id(db: &Db, id: SessionId) -> Result<(), Error> {
    let mut tx = db.begin_in_reserve().await?;
    if let Some(session) = sessions::find(&*tx, id.0).await? {
        sign_out(&mut tx, UserId(session.user_id), session.id).await?;
    }
    Ok(tx.commit().await?)
}

/// Ends a session, and writes the logout into the log unless the session had ended before.
async fn sign_out(tx: &mut Tx, user: UserId, session: i64) -> Result<(), Error> {
    if end(tx, Ending::One(session)).await? > 0 {
        account_log::record_own(&**tx, AuditEvent::SignedOut, user, tx.clock().now()).await?;
    }
    Ok(())
}

/// Ends one of a person's own sessions.
///
/// # Errors
/// [`Error::SessionNotFound`] when the person has no such session, or it has ended.
pub(crate) async fn end_own_session(db: &Db, user_id: UserId, id: SessionId) -> Result<(), Error> {
    let mut tx = db.begin_in_reserve().await?;
    let session = sessions::find(&*tx, id.0).await?.filter(|session| session.user_id == user_id.0);
    let session = session.ok_or(Error::SessionNotFound)?;
    if end(&mut tx, Ending::One(session.id)).await? == 0 {
        return Err(Error::SessionNotFound);
    }
    account_log::record_own(&*tx, AuditEvent::SessionsEnded, user_id, tx.clock().now()).await?;
    Ok(tx.commit().await?)
}

/// Ends all sessions of a person but the current one.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn end_other_sessions(db: &Db, user_id: UserId, current: SessionId) -> Result<(), Error> {
    let mut tx = db.begin_in_reserve().await?;
    end(&mut tx, Ending::OthersOf { user_id: user_id.0, kept: current.0 }).await?;
    account_log::record_own(&*tx, AuditEvent::SessionsEnded, user_id, tx.clock().now()).await?;
    Ok(tx.commit().await?)
}

/// Ends sessions in the caller's transaction, and publishes their ends. Returns the number of sessions that had not
/// ended before.
pub(super) async fn end(tx: &mut Tx, ending: Ending) -> Result<usize, Error> {
    let now = tx.clock().now();
    let ended = sessions::revoke(&**tx, ending, now).await?;
    publish_ends(tx, &ended)?;
    Ok(ended.len())
}
