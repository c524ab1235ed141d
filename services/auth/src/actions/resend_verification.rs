//! New verification links for the accounts that wait for an address.

use shared::work::Db;

use crate::db::queries::users;
use crate::error::Error;
use crate::mail::MailQueue;

/// The number of accounts that one mail has links for. The newest ones get them: whoever asks has registered last, and
/// a mail cannot hold a link for each of many registrations with a stranger's address.
const MAX_LINKS: u64 = 5;

/// Sends a new link for each account that waits for this address. Earlier links stay valid, because anybody can ask.
///
/// # Errors
/// When the database refuses. An address for which nobody waits is no error: the answer must not tell.
pub(crate) async fn resend_verification(db: &Db, mails: &MailQueue, email: &str) -> Result<(), Error> {
    let tx = db.begin().await?;
    let now = db.clock().now();
    if users::find_owner(&*tx, email).await?.is_none() {
        let waiting = users::list_waiting(&*tx, email, now, MAX_LINKS).await?;
        mails.add_verification(&*tx, &waiting, now).await?;
    }
    tx.commit().await?;
    // Woken in either case: a worker that finds no mail does no harm.
    mails.wake_worker();
    Ok(())
}
