//! A new password for a person who has forgotten the old one.

use shared::events;
use shared::ids::UserId;
use shared::work::Db;

use super::end_session::end;
use crate::credentials::{Hasher, Signer};
use crate::db::entities::links::Model as Link;
use crate::db::entities::users::Model as User;
use crate::db::queries::sessions::Ending;
use crate::db::queries::{account_log, links, users};
use crate::domain::audit_event::AuditEvent;
use crate::domain::link::Purpose;
use crate::domain::{password, secret};
use crate::error::Error;
use crate::mail::MailQueue;
use crate::streams::user::UserState;

/// The proof that somebody reads the mails to an account.
pub(crate) enum ResetProof {
    /// The token of the link.
    Token(String),
    /// The code of the same mail, typed on another device.
    Code { email: String, code: String },
}

/// Sends a link and a code to the owner of an address.
///
/// # Errors
/// When the database refuses. An address without an account is no error, because the answer must not tell this.
pub(crate) async fn forget_password(db: &Db, mails: &MailQueue, signer: &Signer, email: &str) -> Result<(), Error> {
    let now = db.clock().now();
    let tx = db.begin().await?;
    if let Some(user) = users::find_owner(&*tx, email).await? {
        mails.add_password_reset(&*tx, &user, |code| signer.hash_code(user.id, code), now).await?;
    }
    tx.commit().await?;
    // The worker is woken in either case: it does no harm when it finds no mail.
    mails.wake_worker();
    Ok(())
}

/// Makes a password invalid that somebody else may know, ends all sessions of the person, and sends the person a link
/// and a code for a new password. `admin`, who asks for this, neither learns nor chooses a password.
///
/// # Errors
/// [`Error::NotAccepted`] for the admin's own account; [`Error::UserNotFound`] when there is no member with this id;
/// [`Error::Busy`].
pub(crate) async fn force_reset(
    db: &Db,
    hasher: &Hasher,
    signer: &Signer,
    mails: &MailQueue,
    (admin, id): (UserId, UserId),
) -> Result<(), Error> {
    if admin == id {
        return Err(Error::NotAccepted {
            field: "user_id",
            rule: "must be somebody else: change your own password instead",
        });
    }
    // The hash of a random text is stored: nobody can log in with it, and a try takes as long as any other.
    let unusable = hasher.hash(&secret::new_token()).await?;
    let now = db.clock().now();
    let mut tx = db.begin().await?;
    let user = users::find_locked(&*tx, id).await?.filter(User::is_member);
    let user = user.ok_or(Error::UserNotFound)?;
    let user = users::set_password(&*tx, user.user_id(), unusable, now).await?.ok_or(Error::UserNotFound)?;
    end(&mut tx, Ending::AllOf(user.id)).await?;
    account_log::record_by_admin(&*tx, AuditEvent::PasswordInvalidated, admin, Some(user.user_id()), now).await?;
    mails.add_forced_reset(&*tx, &user, |code| signer.hash_code(user.id, code), now).await?;
    events::publish(&mut tx, &[UserState::from(user)])?;
    tx.commit().await?;
    mails.wake_worker();
    Ok(())
}

/// Finds the account whose password a link can reset.
///
/// # Errors
/// [`Error::BadReset`] when the link is unknown, used or expired, or was sent to a former address of the account.
pub(crate) async fn check_reset_link(db: &Db, token: &str) -> Result<User, Error> {
    let link = find_by_token(db, token).await?;
    let user = users::find(db.read(), UserId(link.user_id)).await?;
    user.filter(|user| user.email_key == link.email_key).ok_or(Error::BadReset)
}

/// Replaces a forgotten password, ends all sessions of the person, and tells them by mail.
///
/// # Errors
/// [`Error::BadReset`] when the proof is unknown, used or expired, or when too many codes were tried;
/// [`Error::WeakPassword`]; [`Error::Busy`].
pub(crate) async fn reset_password(
    db: &Db,
    hasher: &Hasher,
    signer: &Signer,
    mails: &MailQueue,
    proof: ResetProof,
    password: &str,
) -> Result<(), Error> {
    let link = match proof {
        ResetProof::Token(token) => find_by_token(db, &token).await?,
        ResetProof::Code { email, code } => find_by_code(db, signer, &email, &code).await?,
    };
    let user = users::find(db.read(), UserId(link.user_id)).await?.ok_or(Error::BadReset)?;
    password::check(password, &user.username, &user.email).map_err(Error::WeakPassword)?;
    // Hashed before the transaction, because a row must not stay locked for as long as a hash takes.
    let hash = hasher.hash_if_strong(password, &user.username, &user.email).await?;
    let now = db.clock().now();
    let mut tx = db.begin().await?;
    // A link that was sent to a former address of the account must not open the account.
    let user = users::find_locked(&*tx, user.user_id()).await?.filter(|user| user.email_key == link.email_key);
    let user = user.ok_or(Error::BadReset)?;
    if !links::mark_used(&*tx, &link.token_hash, now).await? {
        return Err(Error::BadReset);
    }
    links::delete_unused_of(&*tx, Purpose::PasswordReset, user.id).await?;
    let user = users::set_password(&*tx, user.user_id(), hash, now).await?.ok_or(Error::BadReset)?;
    end(&mut tx, Ending::AllOf(user.id)).await?;
    mails.add_password_changed(&*tx, &user, now).await?;
    account_log::record_own(&*tx, AuditEvent::PasswordReset, user.user_id(), now).await?;
    events::publish(&mut tx, &[UserState::from(user)])?;
    tx.commit().await?;
    mails.wake_worker();
    Ok(())
}

async fn find_by_token(db: &Db, token: &str) -> Result<Link, Error> {
    let link = links::find(db.read(), Purpose::PasswordReset, &secret::hash(token)).await?;
    let now = db.clock().now();
    link.filter(|link| link.used_at.is_none() && link.expires_at > now).ok_or(Error::BadReset)
}

/// Finds the link whose mail holds this code. Each call uses up one of the guesses.
async fn find_by_code(db: &Db, signer: &Signer, email: &str, code: &str) -> Result<Link, Error> {
    let user = users::find_owner(db.read(), email).await?.ok_or(Error::BadReset)?;
    let tx = db.begin().await?;
    let link = links::take_guess(&*tx, Purpose::PasswordReset, user.id, db.clock().now()).await?;
    // Committed before the code is compared, so that no failure gives the guess back.
    tx.commit().await?;
    let hash = signer.hash_code(user.id, code);
    link.filter(|link| link.code_hash.as_ref() == Some(&hash)).ok_or(Error::BadReset)
}
