//! The operator's commands about parked mails: list them, send them again, drop them.
//!
//! These functions are used by `chatty mail`, which works on the database of a service that may not be running.

use sea_orm::DbErr;
use serde::Serialize;
use shared::clock::Timestamp;
use shared::db::CommitError;
use shared::ids::UserId;
use shared::work::{Db, Tx};

use super::retry::GIVE_UP_AFTER;
use crate::db::entities::mail_jobs::Model;
use crate::db::queries::{invitations, links, mail_jobs, users};
use crate::domain::link::{Purpose, links_in};
use crate::domain::secret;

/// A parked mail, as the operator sees it: with the address, but without the text, which holds a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParkedMail {
    /// The mail's id.
    pub id: i64,
    /// The person it was for.
    pub user_id: i64,
    /// The occasion, such as `verification`.
    pub kind: String,
    /// The address of the person.
    pub to: String,
    /// The number of tries.
    pub attempts: i64,
    /// The mail server's last answer, or the reason why there was none.
    pub reason: String,
    /// The time at which the mail was queued.
    pub created_at: Timestamp,
}

impl From<Model> for ParkedMail {
    fn from(mail: Model) -> Self {
        Self {
            id: mail.id,
            user_id: mail.user_id,
            kind: mail.kind,
            to: mail.to_address,
            attempts: mail.attempts,
            reason: mail.last_error.unwrap_or_default(),
            created_at: mail.created_at,
        }
    }
}

/// The result of [`redrive`]: ids of mails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Redriven {
    /// Mails that are queued again.
    pub queued: Vec<i64>,
    /// Mails that stay parked, because their link was used or replaced in the meantime.
    pub outdated: Vec<i64>,
}

/// The failure of a command about parked mails.
#[derive(Debug, thiserror::Error)]
pub enum ParkedError {
    /// The database refused a statement.
    #[error("the database refused: {0}")]
    Db(#[from] DbErr),
    /// The database refused the commit, or its outcome is unknown.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Lists all parked mails, oldest first.
///
/// # Errors
/// When the database refuses.
pub async fn list(db: &Db) -> Result<Vec<ParkedMail>, ParkedError> {
    let mails = mail_jobs::list_parked(db.read(), &[]).await?;
    Ok(mails.into_iter().map(ParkedMail::from).collect())
}

/// Queues the parked mails with these ids again, or all of them when there are no ids. The worker tries them for
/// another day, and their links become valid for as long as new ones, because they never arrived.
///
/// # Errors
/// When the database refuses. Nothing has changed then, unless the outcome of the commit is unknown.
pub async fn redrive(db: &Db, ids: &[i64]) -> Result<Redriven, ParkedError> {
    let now = db.clock().now();
    let tx = db.begin().await?;
    let mut done = Redriven::default();
    for mail in mail_jobs::list_parked(&*tx, ids).await? {
        if renew_links(&tx, &mail.text, now).await? {
            mail_jobs::requeue_parked(&*tx, mail.id, now, now + GIVE_UP_AFTER).await?;
            done.queued.push(mail.id);
        } else {
            // It stays parked, so that the operator sees it and drops it deliberately.
            done.outdated.push(mail.id);
        }
    }
    tx.commit().await?;
    Ok(done)
}

/// Makes the links in the text of a mail valid for as long as new ones, and lets the accounts that wait for such a link
/// wait for as long. Returns false when the mail has links and none of them can be used any more.
async fn renew_links(tx: &Tx, text: &str, now: Timestamp) -> Result<bool, DbErr> {
    let mut has_links = false;
    let mut is_useful = false;
    for (purpose, token) in links_in(text) {
        has_links = true;
        let until = now + purpose.validity();
        if let Some(link) = links::renew(&**tx, &secret::hash(token), until).await? {
            is_useful = true;
            if purpose == Purpose::Verification {
                users::extend_waiting(&**tx, UserId(link.user_id), until).await?;
                invitations::extend_hold(&**tx, UserId(link.user_id), until).await?;
            }
        }
    }
    // A mail without links does not become outdated.
    Ok(is_useful || !has_links)
}

/// Deletes the parked mails with these ids, or all of them when there are no ids. Returns the number of deleted mails.
///
/// # Errors
/// As [`redrive`].
pub async fn drop(db: &Db, ids: &[i64]) -> Result<u64, ParkedError> {
    let tx = db.begin().await?;
    let dropped = mail_jobs::delete_parked(&*tx, ids).await?;
    tx.commit().await?;
    Ok(dropped)
}
