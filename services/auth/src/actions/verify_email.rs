//! The proof of an address: the token of a verification link makes its account verified.

use shared::events;
use shared::ids::UserId;
use shared::work::Db;

use crate::db::queries::{users, verifications};
use crate::domain::secret;
use crate::error::Error;
use crate::streams::user::UserState;

/// Uses a verification link. The same link answers the same success again, because people follow it twice.
///
/// # Errors
/// [`Error::BadLink`] when the link is unknown, replaced or expired.
pub(crate) async fn verify_email(db: &Db, token: &str) -> Result<(), Error> {
    let now = db.clock().now();
    let hash = secret::hash(token);
    let mut tx = db.begin().await?;
    let Some(link) = verifications::consume(&*tx, &hash, now).await? else {
        let repeated = verifications::was_used(&*tx, &hash).await?;
        tx.rollback().await?;
        return if repeated { Ok(()) } else { Err(Error::BadLink) };
    };
    // The link proves the address that it was sent to, which may not be the account's address any more.
    if let Some(user) = users::mark_verified(&*tx, UserId(link.user_id), &link.email_key, now).await? {
        events::publish(&mut tx, &[UserState::from(user)])?;
    }
    Ok(tx.commit().await?)
}
