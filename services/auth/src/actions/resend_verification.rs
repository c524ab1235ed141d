//! New verification links for the accounts that wait for an address.

use shared::work::Db;

use crate::db::queries::users;
use crate::error::Error;
use crate::mail::MailQueue;

/// The number of accounts for which one mail has links. The newest accounts get them, because the person who asks has
/// probably registered last, and a mail cannot hold links for any number of registrations with a stranger's address.
const MAX_LINKS: u64 = 5;

/// Sends new links for the newest accounts that wait for this address. Earlier links stay valid, because anybody can
/// ask.
///
/// # Errors
/// When the database refuses. An address for which nobody waits is no error, because the answer must not tell this.
pub(crate) async fn resend_verification(db: &Db, mails: &MailQueue, email: &str) -> Result<(), Error> {
    let tx = db.begin().await?;
    let now = db.clock().now();
    if users::find_owner(&*tx, email).await?.is_none() {
        let waiting = users::list_waiting(&*tx, email, now, MAX_LINKS).await?;
        mails.add_verification(&*tx, &waiting, now).await?;
    }
    tx.commit().await?;
    // The worker is woken in either case: it does no harm when it finds no mail.
    mails.wake_worker();
    Ok(())
}
