//! A new password for a person who knows the old one.

use shared::ids::SessionId;
use shared::work::Db;

use super::confirm_password::confirm_password;
use super::end_session::end;
use crate::credentials::Hasher;
use crate::db::entities::users::Model as User;
use crate::db::queries::sessions::Ending;
use crate::db::queries::{account_log, clients, factors, links, passkeys, users};
use crate::domain::audit_event::AuditEvent;
use crate::domain::link::Purpose;
use crate::error::Error;
use crate::mail::MailQueue;

/// Replaces the password of a person, ends their other sessions, and tells them by mail.
///
/// # Errors
/// [`Error::WrongPassword`] when `current` is not the password; [`Error::TooManyTries`]; [`Error::WeakPassword`];
/// [`Error::Busy`].
pub(crate) async fn change_password(
    db: &Db,
    hasher: &Hasher,
    mails: &MailQueue,
    (user, session_id): (&User, SessionId),
    current: &str,
    password: &str,
) -> Result<(), Error> {
    confirm_password(db, hasher, user, current).await?;
    let hash = hasher.hash_if_strong(password, &user.username, &user.email).await?;
    let now = db.clock().now();
    let mut tx = db.begin().await?;
    // Another request may have changed the password since it was checked.
    let locked = users::find_locked(&*tx, user.user_id()).await?;
    if locked.is_none_or(|locked| locked.password_hash != user.password_hash) {
        return Err(Error::WrongPassword);
    }
    users::replace_password_hash(&*tx, user.user_id(), &user.password_hash, hash).await?;
    links::delete_unused_of(&*tx, Purpose::PasswordReset, user.id).await?;
    // Nothing that began with the old password may go on.
    factors::delete_challenges_of(&*tx, user.user_id()).await?;
    passkeys::delete_ceremonies_of(&*tx, user.user_id()).await?;
    clients::delete_unused_codes_of(&*tx, user.id).await?;
    end(&mut tx, Ending::OthersOf { user_id: user.id, kept: session_id.0 }).await?;
    mails.add_password_changed(&*tx, user, now).await?;
    account_log::record_own(&*tx, AuditEvent::PasswordChanged, user.user_id(), now).await?;
    tx.commit().await?;
    mails.wake_worker();
    Ok(())
}
