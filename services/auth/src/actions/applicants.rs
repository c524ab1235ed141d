//! The decisions about applicants: people who have confirmed their address and wait for an admin.

use shared::events;
use shared::ids::UserId;
use shared::work::Db;

use super::erase_newcomer::{Reason, erase_newcomer};
use crate::db::queries::{account_log, users};
use crate::domain::audit_event::AuditEvent;
use crate::error::Error;
use crate::mail::MailQueue;
use crate::streams::user::UserState;

/// Makes an applicant a member, as `admin` has decided.
///
/// # Errors
/// [`Error::ApplicantNotFound`] when nobody with this id waits.
pub(crate) async fn approve_applicant(db: &Db, mails: &MailQueue, admin: UserId, id: UserId) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    let now = tx.clock().now();
    let member = users::approve(&*tx, id, now).await?.ok_or(Error::ApplicantNotFound)?;
    mails.add_application_decided(&*tx, &member, true, now).await?;
    account_log::record_by_admin(&*tx, AuditEvent::ApplicationAccepted, admin, Some(id), now).await?;
    events::publish(&mut tx, &[UserState::from(member)])?;
    tx.commit().await?;
    mails.wake_worker();
    Ok(())
}

/// Refuses an applicant, as `admin` has decided, and erases the account. The mail that says so is the last trace of the
/// account.
///
/// # Errors
/// [`Error::ApplicantNotFound`] when nobody with this id waits.
pub(crate) async fn refuse_applicant(db: &Db, mails: &MailQueue, admin: UserId, id: UserId) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    let now = tx.clock().now();
    let applicant = users::find_locked(&*tx, id).await?.filter(|user| user.waits_since.is_some());
    let applicant = applicant.ok_or(Error::ApplicantNotFound)?;
    erase_newcomer(&mut tx, id, Reason::Refused, now).await?;
    // After the erasure, which deletes the mails to the person.
    mails.add_application_decided(&*tx, &applicant, false, now).await?;
    account_log::record_by_admin(&*tx, AuditEvent::ApplicationRefused, admin, None, now).await?;
    tx.commit().await?;
    mails.wake_worker();
    Ok(())
}
