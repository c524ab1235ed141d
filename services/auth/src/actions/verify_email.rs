//! The proof of an address. Before it, an account owns nothing: several may wait for the same address, and the first
//! whose link is followed gets it (ADR 23).

use sea_orm::ConnectionTrait;
use shared::clock::Timestamp;
use shared::events;
use shared::ids::UserId;
use shared::work::Db;

use super::erase_newcomer::{Reason, erase_newcomer};
use crate::db::entities::links::Model as Link;
use crate::db::entities::users::Model as User;
use crate::db::queries::users::NotStored;
use crate::db::queries::{account_log, invitations, links, users};
use crate::domain::audit_event::AuditEvent;
use crate::domain::joining::Registration;
use crate::domain::link::Purpose;
use crate::domain::secret;
use crate::error::Error;
use crate::streams::user::UserState;

/// The standing of a person who has confirmed the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The person can log in.
    Member,
    /// An admin has to decide.
    Applicant,
}

impl Standing {
    /// Returns the standing of the person with a verified account.
    pub(crate) fn of(user: &User) -> Self {
        if user.is_member() { Self::Member } else { Self::Applicant }
    }
}

/// Finds the account that a verification link is for.
///
/// # Errors
/// [`Error::BadLink`] when the link is unknown or expired, or when another account has got the address.
pub(crate) async fn find_registration(db: &Db, token: &str) -> Result<User, Error> {
    let link = find_link(db.read(), token, db.clock().now()).await?;
    users::find(db.read(), UserId(link.user_id)).await?.ok_or(Error::BadLink)
}

/// Verifies the account of a link, which owns the address from now on. The other accounts that wait for the address
/// lose their links. The same link answers the same success again, because people follow it twice. With
/// [`Registration::Approval`] the person waits for an admin, whatever the way to join was at the registration.
///
/// # Errors
/// As [`find_registration`].
pub(crate) async fn verify_email(db: &Db, registration: Registration, token: &str) -> Result<Standing, Error> {
    let now = db.clock().now();
    let mut tx = db.begin().await?;
    let link = find_link(&*tx, token, now).await?;
    // Two people who follow their links to one mailbox at the same moment wait here for each other.
    users::lock_mailbox(&*tx, &link.email_key).await?;
    if !links::mark_used(&*tx, &link.token_hash, now).await? {
        // The link was used before, or another account has got the address and this link was deleted.
        let is_used = links::find(&*tx, Purpose::Verification, &link.token_hash).await?.is_some();
        let user = users::find(&*tx, UserId(link.user_id)).await?.filter(|_| is_used);
        tx.rollback().await?;
        return user.as_ref().map(Standing::of).ok_or(Error::BadLink);
    }
    let waits = registration == Registration::Approval;
    let verified = users::mark_verified(&*tx, UserId(link.user_id), &link.email_key, waits, now).await;
    let verified = verified.map_err(|error| match error {
        NotStored::Db(error) => error.into(),
        NotStored::Email | NotStored::Username => Error::BadLink,
    })?;
    let user = verified.ok_or(Error::BadLink)?;
    links::delete_unused(&*tx, Purpose::Verification, &link.email_key).await?;
    account_log::record_own(&*tx, AuditEvent::AddressConfirmed, user.user_id(), now).await?;
    invitations::mark_used(&*tx, user.user_id(), now).await?;
    let standing = Standing::of(&user);
    events::publish(&mut tx, &[UserState::from(user)])?;
    tx.commit().await?;
    Ok(standing)
}

/// Erases the account of a link, because the owner of the address has not registered it.
///
/// # Errors
/// [`Error::BadLink`] as in [`find_registration`], and also for a used link, because a verified account ends in other
/// ways.
pub(crate) async fn reject_registration(db: &Db, token: &str) -> Result<(), Error> {
    let now = db.clock().now();
    let mut tx = db.begin().await?;
    let link = find_link(&*tx, token, now).await?;
    if link.used_at.is_some() {
        return Err(Error::BadLink);
    }
    erase_newcomer(&mut tx, UserId(link.user_id), Reason::Rejected, now).await?;
    Ok(tx.commit().await?)
}

/// Finds a link that was used, or can be used now.
async fn find_link(db: &impl ConnectionTrait, token: &str, now: Timestamp) -> Result<Link, Error> {
    let link = links::find(db, Purpose::Verification, &secret::hash(token)).await?;
    link.filter(|link| link.used_at.is_some() || link.expires_at > now).ok_or(Error::BadLink)
}
