//! A new address for an account: the request with the password, the confirmation at the new address, and the undoing
//! from the old one.

use shared::events;
use shared::ids::UserId;
use shared::work::Db;

use super::confirm_password::confirm_password;
use super::end_session::end;
use super::two_factor::turn_off_without_factors;
use crate::credentials::{Hasher, Signer};
use crate::db::entities::links::Model as Link;
use crate::db::entities::users::Model as User;
use crate::db::queries::sessions::Ending;
use crate::db::queries::users::NotStored;
use crate::db::queries::{account_log, factors, links, users};
use crate::domain::audit_event::AuditEvent;
use crate::domain::joining::{Joining, REFUSED_DOMAIN};
use crate::domain::link::Purpose;
use crate::domain::{email, secret};
use crate::error::Error;
use crate::mail::MailQueue;
use crate::streams::user::UserState;

/// Sends a link to the new address. Nothing changes before it is followed. When the address belongs to another account,
/// its owner is told, and the answer is the same.
///
/// # Errors
/// [`Error::NotAccepted`] for an address of a refused domain; [`Error::WrongPassword`], [`Error::TooManyTries`],
/// [`Error::Busy`].
pub(crate) async fn request_email_change(
    db: &Db,
    hasher: &Hasher,
    mails: &MailQueue,
    rules: &Joining,
    user: &User,
    address: String,
    password: &str,
) -> Result<(), Error> {
    if rules.refuses(&address) {
        return Err(Error::NotAccepted { field: "email", rule: REFUSED_DOMAIN });
    }
    confirm_password(db, hasher, user, password).await?;
    let now = db.clock().now();
    let tx = db.begin().await?;
    match users::find_owner(&*tx, &address).await? {
        Some(owner) if owner.id != user.id => mails.add_already_registered(&*tx, &owner, now).await?,
        // Nobody owns the address, or the person does and wants another spelling of it.
        _ => mails.add_email_change(&*tx, user, address, now).await?,
    }
    tx.commit().await?;
    mails.wake_worker();
    Ok(())
}

/// Finds the account of a link, and the address that the link would give to it.
///
/// # Errors
/// [`Error::BadEmailLink`] when the link is unknown, used or expired.
pub(crate) async fn check_email_link(db: &Db, purpose: Purpose, token: &str) -> Result<(User, String), Error> {
    let (link, address) = find_link(db, purpose, token).await?;
    let user = users::find(db.read(), UserId(link.user_id)).await?.ok_or(Error::BadEmailLink)?;
    Ok((user, address))
}

/// Gives an account the new address, and sends a link that undoes the change to the previous address.
///
/// # Errors
/// [`Error::BadEmailLink`] when the link is unknown, used or expired, or when another account has got the address.
pub(crate) async fn confirm_email_change(db: &Db, mails: &MailQueue, token: &str) -> Result<(), Error> {
    let (link, address) = find_link(db, Purpose::EmailChange, token).await?;
    let now = db.clock().now();
    let tx = db.begin().await?;
    let before = users::find_locked(&*tx, UserId(link.user_id)).await?.ok_or(Error::BadEmailLink)?;
    if !links::mark_used(&*tx, &link.token_hash, now).await? {
        return Err(Error::BadEmailLink);
    }
    links::delete_unused_of(&*tx, Purpose::EmailChange, before.id).await?;
    users::set_email(&*tx, before.user_id(), address).await.map_err(taken)?;
    account_log::record_own(&*tx, AuditEvent::EmailChanged, before.user_id(), now).await?;
    if before.email_key != link.email_key {
        mails.add_email_changed(&*tx, &before, now).await?;
    }
    tx.commit().await?;
    mails.wake_worker();
    Ok(())
}

/// Gives an account the address back that it had before a change. Whoever has made the change knows the password, so all
/// sessions end, factors that were added since the change are deleted, and the owner gets a link for a new password.
///
/// # Errors
/// [`Error::BadEmailLink`] as in [`confirm_email_change`].
pub(crate) async fn undo_email_change(db: &Db, signer: &Signer, mails: &MailQueue, token: &str) -> Result<(), Error> {
    let (link, address) = find_link(db, Purpose::EmailUndo, token).await?;
    let now = db.clock().now();
    let mut tx = db.begin().await?;
    let user = users::find_locked(&*tx, UserId(link.user_id)).await?.ok_or(Error::BadEmailLink)?;
    if !links::mark_used(&*tx, &link.token_hash, now).await? {
        return Err(Error::BadEmailLink);
    }
    users::set_email(&*tx, user.user_id(), address).await.map_err(taken)?;
    account_log::record_own(&*tx, AuditEvent::EmailChangeUndone, user.user_id(), now).await?;
    for purpose in [Purpose::EmailChange, Purpose::PasswordReset] {
        links::delete_unused_of(&*tx, purpose, user.id).await?;
    }
    // The thief may have added a factor, and the owner could not get in with a new password then.
    let changed_at = link.expires_at - Purpose::EmailUndo.validity();
    factors::delete_added_since(&*tx, user.user_id(), changed_at).await?;
    turn_off_without_factors(&tx, user.user_id()).await?;
    end(&mut tx, Ending::AllOf(user.id)).await?;
    let user = users::end_tokens(&*tx, user.user_id(), now).await?.ok_or(Error::BadEmailLink)?;
    mails.add_password_reset(&*tx, &user, |code| signer.hash_code(user.id, code), now).await?;
    events::publish(&mut tx, &[UserState::from(user)])?;
    tx.commit().await?;
    mails.wake_worker();
    Ok(())
}

/// Finds a link that can be used, with the address that it would give to its account.
async fn find_link(db: &Db, purpose: Purpose, token: &str) -> Result<(Link, String), Error> {
    let now = db.clock().now();
    let link = links::find(db.read(), purpose, &secret::hash(token)).await?;
    let link = link.filter(|link| link.used_at.is_none() && link.expires_at > now).ok_or(Error::BadEmailLink)?;
    let address = link.address.clone().filter(|address| email::key(address) == link.email_key);
    let address = address.ok_or(Error::BadEmailLink)?;
    Ok((link, address))
}

fn taken(error: NotStored) -> Error {
    match error {
        NotStored::Db(error) => error.into(),
        NotStored::Email | NotStored::Username => Error::BadEmailLink,
    }
}
