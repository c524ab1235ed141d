//! A new verification link for an account that still waits for its verification.

use shared::work::Db;

use crate::db::queries::users;
use crate::error::Error;
use crate::mail::{MailQueue, lock_and_check_limit};

/// Sends a new link when the address belongs to an unverified account. The link before becomes invalid.
///
/// # Errors
/// When the database refuses. An address without such an account is no error: the answer must not tell.
pub(crate) async fn resend_verification(db: &Db, mails: &MailQueue, email: &str) -> Result<(), Error> {
    let tx = db.begin().await?;
    let user = users::find_by_email(&*tx, email).await?.filter(|user| user.verified_at.is_none());
    let now = db.clock().now();
    if let Some(user) = user
        && lock_and_check_limit(&*tx, &user, now).await?
    {
        mails.add_verification(&*tx, &user, now).await?;
    }
    tx.commit().await?;
    // Woken in either case: a worker that finds no mail does no harm.
    mails.wake_worker();
    Ok(())
}
