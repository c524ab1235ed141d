//! Logout: the end of one session.

use shared::work::Db;

use crate::db::queries::sessions;
use crate::domain::secret;
use crate::error::Error;

/// Ends the session of a refresh token. An unknown token is no error: its session is gone, which is what the client
/// wants.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn end_session(db: &Db, presented: &str) -> Result<(), Error> {
    let tx = db.begin_in_reserve().await?;
    if let Some(token) = sessions::find_token(&*tx, &secret::hash(presented)).await? {
        sessions::revoke(&*tx, token.session_id, db.clock().now()).await?;
    }
    Ok(tx.commit().await?)
}
