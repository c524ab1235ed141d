//! The worker that sends queued mails. Every replica runs one; they share the queue.

use std::time::Duration;

use futures_util::StreamExt;
use shared::tasks::Cancel;
use shared::work::Db;
use tokio::time::sleep;

use super::mailer::Mailer;
use super::measured::Measured;
use super::queue::MailQueue;
use super::retry::{MAX_UNSETTLED, judge};
use super::smtp::{self, Failure, Smtp};
use crate::db::entities::mail_jobs::Model;
use crate::db::queries::mail_jobs;
use crate::domain::mails::LAST_MAILS;
use crate::error::Error;

/// The number of mails that are sent at the same time.
const CONCURRENCY: usize = 2;
/// The time for which a claimed mail is hidden from other workers: longer than sending can take.
const LEASE: Duration = Duration::from_secs(10 + smtp::OFFER.as_secs() + smtp::ACCEPT.as_secs());
/// The pause between two looks at the table. They are needed even when no mail was queued in this process, because
/// retries become due and other replicas queue mails too.
const POLL: Duration = Duration::from_secs(2);

/// Sends due mails until it is cancelled.
pub(crate) async fn run(db: Db, mailer: Mailer, measured: Measured, queue: MailQueue, cancel: Cancel) {
    while !cancel.is_cancelled() {
        let more = match run_once(&db, &mailer, &measured).await {
            Ok(more) => more,
            Err(error) => {
                tracing::warn!(%error, "Mails cannot be sent: the database does not answer; trying again.");
                false
            }
        };
        if !more {
            tokio::select! { () = queue.woken() => {}, () = sleep(POLL) => {}, () = cancel.cancelled() => {} }
        }
    }
}

/// Sends a few due mails and counts the queue. Returns true when more mails may be due.
async fn run_once(db: &Db, mailer: &Mailer, measured: &Measured) -> Result<bool, Error> {
    let now = db.clock().now();
    let more = match mailer {
        Mailer::Mailbox => {
            // The question is asked outside of a transaction, so that an idle development system does not write every
            // two seconds.
            if mail_jobs::has_queued(db.read()).await? {
                let tx = db.begin().await?;
                mail_jobs::move_to_mailbox(&*tx, now).await?;
                tx.commit().await?;
            }
            false
        }
        Mailer::Smtp(smtp) => {
            let tx = db.begin().await?;
            let jobs = mail_jobs::claim(&*tx, now, now + LEASE, CONCURRENCY).await?;
            // Committed before anything is sent, so that no row stays locked while a mail server takes its time.
            tx.commit().await?;
            let more = !jobs.is_empty();
            let results = futures_util::stream::iter(jobs).map(|job| send(db, smtp, job)).buffer_unordered(CONCURRENCY);
            // All of them finish before the first error is returned, because a mail under way must not be cut off.
            let results: Vec<Result<(), Error>> = results.collect().await;
            results.into_iter().collect::<Result<(), Error>>()?;
            more
        }
    };
    measured.update(db).await?;
    Ok(more)
}

/// Sends one mail and stores the result.
async fn send(db: &Db, smtp: &Smtp, job: Model) -> Result<(), Error> {
    let result = if job.unsettled < MAX_UNSETTLED {
        match smtp.offer(&job).await {
            Ok(offer) => {
                // This is stored before the text is sent: if the process or its database connection ends from now on,
                // the mail counts as perhaps delivered.
                let tx = db.begin().await?;
                let still_wanted = mail_jobs::mark_unsettled(&*tx, job.id).await?;
                tx.commit().await?;
                if !still_wanted {
                    return Ok(());
                }
                offer.send_text().await
            }
            Err(failure) => Err(failure),
        }
    } else {
        // The process ended during the last two tries, before it could store how they ended.
        Err(Failure::Unknown("nobody saw how the last two tries ended".to_owned()))
    };
    let now = db.clock().now();
    let tx = db.begin().await?;
    match result {
        // Nothing about a person who has left may stay, so the sent mail is deleted.
        Ok(()) if LAST_MAILS.contains(&job.kind.as_str()) => mail_jobs::delete(&*tx, job.id).await?,
        Ok(()) => mail_jobs::mark_sent(&*tx, job.id, now).await?,
        Err(failure) => {
            let failed = judge(&job, failure, now);
            let word = if failed.next_try_at.is_some() { "tried again" } else { "parked" };
            // The reason may hold an address, so it stays out of the log.
            tracing::warn!(
                mail.id = job.id,
                mail.kind = job.kind,
                "A mail could not be sent and is {word}; the reason is in its row."
            );
            mail_jobs::record_failure(&*tx, job.id, failed).await?;
        }
    }
    Ok(tx.commit().await?)
}
