//! Parked mails: what an operator and an admin see of them, and how they leave.

use sea_orm::DbErr;
use serde::Serialize;
use shared::clock::Timestamp;
use shared::db::{CommitError, Db};

use crate::db::entities::mail_job;
use crate::db::queries::{mail_jobs, verifications};
use crate::domain::{mails, secret};
use crate::registration;

/// A parked mail, as the operator sees it: never with its text, which holds a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ParkedMail {
    /// Its id.
    pub id: i64,
    /// The person it was for.
    pub user_id: i64,
    /// The occasion, such as `verification`.
    pub kind: String,
    /// The address.
    pub to: String,
    /// How often it was tried.
    pub attempts: i64,
    /// The mail server's last answer, or what happened instead of one.
    pub reason: String,
    /// When it was queued.
    pub created_at: Timestamp,
}

impl From<mail_job::Model> for ParkedMail {
    fn from(mail: mail_job::Model) -> Self {
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

/// The outcome of [`redrive`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Redriven {
    /// Mails that wait for the worker again.
    pub queued: Vec<i64>,
    /// Mails whose link was used or replaced meanwhile: nobody needs them any more.
    pub outdated: Vec<i64>,
}

/// Why a command about parked mails failed.
#[derive(Debug, thiserror::Error)]
pub enum ParkedError {
    /// The database refused.
    #[error("the database refused: {0}")]
    Db(#[from] DbErr),
    /// The database refused while committing.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// All parked mails, the oldest first.
///
/// # Errors
/// When the database refuses.
pub async fn list(db: &Db) -> Result<Vec<ParkedMail>, ParkedError> {
    let mails = mail_jobs::parked(db.read(), &[]).await?;
    Ok(mails.into_iter().map(ParkedMail::from).collect())
}

/// Queues parked mails again, all of them when no id is named, for another day. Their links are valid anew for as long as
/// the mail says.
///
/// # Errors
/// When the database refuses; then nothing has changed, unless a commit's outcome is unknown.
pub async fn redrive(db: &Db, ids: &[i64]) -> Result<Redriven, ParkedError> {
    let now = db.clock().now();
    let tx = db.begin().await?;
    let mut done = Redriven::default();
    for mail in mail_jobs::parked(&*tx, ids).await? {
        let useful = match mails::link_token(&mail.text) {
            Some(token) => verifications::renew(&*tx, &secret::hash(token), now + registration::LINK).await?,
            None => true,
        };
        if useful {
            mail_jobs::requeue(&*tx, mail.id, now, now + super::GIVE_UP).await?;
            done.queued.push(mail.id);
        } else {
            done.outdated.push(mail.id);
        }
    }
    tx.commit().await?;
    Ok(done)
}

/// Throws parked mails away, all of them when no id is named. Answers how many there were.
///
/// # Errors
/// As [`redrive`].
pub async fn drop(db: &Db, ids: &[i64]) -> Result<u64, ParkedError> {
    let tx = db.begin().await?;
    let dropped = mail_jobs::delete_parked(&*tx, ids).await?;
    tx.commit().await?;
    Ok(dropped)
}
