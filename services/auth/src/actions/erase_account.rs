//! The erasure of an account by its owner.
//!
//! This transaction erases everything that this service holds. The other services follow when the tombstone reaches
//! them, and confirm it; the receipt shows their confirmations.

use shared::erasure::write_counts;
use shared::events;
use shared::work::{Db, Tx};

use super::confirm_password::confirm_password;
use crate::credentials::Hasher;
use crate::db::entities::receipts::Model as Receipt;
use crate::db::entities::users::Model as User;
use crate::db::queries::{erasure, receipts, users};
use crate::domain::secret;
use crate::error::Error;
use crate::mail::MailQueue;
use crate::streams::user::UserState;

/// Erases the account of a person who knows the password. Returns the address of the receipt.
///
/// # Errors
/// [`Error::WrongPassword`]; [`Error::TooManyTries`]; [`Error::Busy`].
pub(crate) async fn erase_account(
    db: &Db,
    hasher: &Hasher,
    mails: &MailQueue,
    user: &User,
    password: &str,
) -> Result<String, Error> {
    confirm_password(db, hasher, user, password).await?;
    let token = secret::new_token();
    // A full disk must not keep people from leaving, so this may use the space that is kept in reserve.
    let mut tx = db.begin_in_reserve().await?;
    // Another request may have changed the password since it was checked, or erased the account.
    let locked = users::find_locked(&*tx, user.user_id()).await?;
    let user = locked.filter(|locked| locked.password_hash == user.password_hash).ok_or(Error::WrongPassword)?;
    erase(&mut tx, mails, &user, &token).await?;
    tx.commit().await?;
    mails.wake_worker();
    Ok(mails.receipt_url(&token))
}

/// Erases a locked account with everything that belongs to it, and stores and mails the receipt.
async fn erase(tx: &mut Tx, mails: &MailQueue, user: &User, token: &str) -> Result<(), Error> {
    let now = tx.clock().now();
    let (erased, counts) = erasure::erase(tx, user, user.version + 1, now).await?;
    let token_hash = secret::hash(token);
    let receipt = Receipt { user_id: user.id, token_hash, erased_at: now, counts: write_counts(&counts) };
    receipts::insert(&**tx, receipt).await?;
    mails.add_receipt(&**tx, user, token, now).await?;
    events::publish(tx, &[UserState::from(erased)])?;
    Ok(())
}
