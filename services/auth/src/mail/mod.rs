//! Mails leave by a worker, so that a dead mail server never fails a request.

mod measured;
pub mod parked;
mod smtp;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use sea_orm::DbErr;
use shared::clock::Timestamp;
use shared::config::ConfigError;
use shared::db::Db;
use shared::lifecycle::Cancel;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::config::Config;
use crate::db::entities::mail_job;
use crate::db::queries::mail_jobs::{self, Outcome};
pub(crate) use measured::Measured;
use smtp::{Failure, Smtp};

/// Mails taken and under way together.
const TOGETHER: usize = 2;
/// How long a taken mail is not offered to other workers: longer than it can take.
const LEASE: Duration = Duration::from_secs(10 + smtp::OFFER.as_secs() + smtp::ACCEPT.as_secs());
/// How often the table is looked at without being told.
const POLL: Duration = Duration::from_secs(2);
/// How long a mail is tried: then its link has expired too.
pub(crate) const GIVE_UP: Duration = Duration::from_secs(24 * 3_600);
/// The longest pause between two tries of one mail.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// How often in a row, and over how long a time, a server refuses a mail before it is believed. Servers that are not set up
/// yet, or whose disk is full, say 5xx too.
const REFUSALS: i64 = 4;
const REFUSED_FOR: Duration = Duration::from_secs(3_600);
/// The longest pause between two tries of a mail that was refused.
const LONGEST_REFUSED_PAUSE: Duration = Duration::from_secs(1_800);
/// How often a text is sent without hearing whether it was taken: once, and once again.
const UNSETTLED: i64 = 2;
/// The pause before a mail is sent again that the server may have already.
const UNSETTLED_PAUSE: Duration = Duration::from_secs(30);

/// Where mails go.
pub(crate) enum Mailer {
    /// To a mail server.
    Smtp(Box<Smtp>),
    /// Nowhere: they are read at `/dev/mail`.
    Mailbox,
}

impl Mailer {
    /// The mail server of the configuration, or the development mailbox.
    pub(crate) fn from_config(config: &Config) -> Result<Self, ConfigError> {
        config.smtp.as_ref().map_or(Ok(Self::Mailbox), |smtp| Smtp::new(smtp).map(Box::new).map(Self::Smtp))
    }
}

/// Whether mails would leave now, for the operator. `None`: they go to the development mailbox.
pub async fn check(config: &Config) -> Option<Result<(), String>> {
    match Mailer::from_config(config) {
        Ok(Mailer::Mailbox) => None,
        Ok(Mailer::Smtp(smtp)) => Some(smtp.test().await),
        Err(error) => Some(Err(error.to_string())),
    }
}

/// Sends due mails until cancelled.
pub(crate) async fn run(db: Db, mailer: Mailer, measured: Measured, wake: Arc<Notify>, cancel: Cancel) {
    while !cancel.is_cancelled() {
        let more = match work(&db, &mailer, &measured).await {
            Ok(more) => more,
            Err(error) => {
                tracing::warn!(%error, "Mails cannot be sent: the database does not answer; trying again.");
                false
            }
        };
        if !more {
            tokio::select! { () = wake.notified() => {}, () = sleep(POLL) => {}, () = cancel.cancelled() => {} }
        }
    }
}

/// One round. Answers whether there may be more to do at once.
async fn work(db: &Db, mailer: &Mailer, measured: &Measured) -> Result<bool, DbErr> {
    let now = db.clock().now();
    let more = match mailer {
        Mailer::Mailbox => {
            if mail_jobs::any_queued(db.read()).await? {
                let tx = db.begin().await?;
                mail_jobs::keep_all(&*tx, now).await?;
                commit(tx).await?;
            }
            false
        }
        Mailer::Smtp(smtp) => {
            let tx = db.begin().await?;
            let jobs = mail_jobs::claim(&*tx, now, now + LEASE, TOGETHER).await?;
            commit(tx).await?;
            let more = !jobs.is_empty();
            let results = futures_util::stream::iter(jobs).map(|job| send(db, smtp, job)).buffer_unordered(TOGETHER);
            let results: Vec<Result<(), DbErr>> = results.collect().await;
            results.into_iter().collect::<Result<(), DbErr>>()?;
            more
        }
    };
    measured.measure(db).await?;
    Ok(more)
}

async fn send(db: &Db, smtp: &Smtp, job: mail_job::Model) -> Result<(), DbErr> {
    let result = if job.unsettled < UNSETTLED {
        match smtp.offer(&job).await {
            Ok(offer) => {
                // Noted first: should this process, or the way to the database, end now, the mail counts as perhaps sent.
                let tx = db.begin().await?;
                let still_wanted = mail_jobs::mark_unsettled(&*tx, job.id).await?;
                commit(tx).await?;
                if !still_wanted {
                    return Ok(());
                }
                offer.accept().await
            }
            Err(failure) => Err(failure),
        }
    } else {
        Err(Failure::Unknown("nobody saw how the last two tries ended".to_owned()))
    };
    let now = db.clock().now();
    let tx = db.begin().await?;
    match result {
        Ok(()) => mail_jobs::mark_sent(&*tx, job.id, now).await?,
        Err(failure) => {
            let outcome = judge(&job, failure, now);
            let word = if outcome.again.is_some() { "tried again" } else { "parked" };
            tracing::warn!(
                mail.id = job.id,
                mail.kind = job.kind,
                "A mail could not be sent and is {word}; the reason is in its row."
            );
            mail_jobs::mark_failed(&*tx, job.id, outcome).await?;
        }
    }
    commit(tx).await
}

/// Whether and when a mail that was not taken is tried again.
fn judge(job: &mail_job::Model, failure: Failure, now: Timestamp) -> Outcome {
    let before = |reason| Outcome {
        reason,
        again: None,
        refusals: job.refusals,
        refused_since: job.refused_since,
        unsettled: job.unsettled,
    };
    match failure {
        Failure::Refused(reason) => {
            let (refusals, since) = (job.refusals + 1, job.refused_since.unwrap_or(now));
            let is_final = refusals >= REFUSALS && now.since(since) >= REFUSED_FOR;
            let again = (!is_final).then(|| now + refused_pause(refusals));
            Outcome { again, refusals, refused_since: Some(since), ..before(reason) }
        }
        Failure::Later(reason) => {
            let end = job.give_up_at.unwrap_or(job.created_at + GIVE_UP);
            let again = (now < end).then(|| now + pause(job.attempts));
            Outcome { again, refusals: 0, refused_since: None, ..before(reason) }
        }
        Failure::Unknown(reason) => {
            let unsettled = job.unsettled + 1;
            let again = (unsettled < UNSETTLED).then(|| now + UNSETTLED_PAUSE);
            Outcome { again, unsettled, ..before(format!("it may have been delivered: {reason}")) }
        }
    }
}

/// The pause after a number of tries: 1 s, doubling.
fn pause(attempts: i64) -> Duration {
    grown(Duration::from_secs(1), attempts, LONGEST_PAUSE)
}

/// The pause after a number of refusals in a row: 5 s, doubling.
fn refused_pause(refusals: i64) -> Duration {
    grown(Duration::from_secs(5), refusals, LONGEST_REFUSED_PAUSE)
}

fn grown(first: Duration, times: i64, longest: Duration) -> Duration {
    let doublings = u32::try_from(times.clamp(1, 20) - 1).unwrap_or_default();
    (first * (1 << doublings)).min(longest)
}

async fn commit(tx: shared::db::Tx) -> Result<(), DbErr> {
    tx.commit().await.map_err(|error| DbErr::Custom(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_their_longest() {
        assert_eq!([1, 2, 5, 9, 10, 1_000].map(|n| pause(n).as_secs()), [1, 2, 16, 256, 300, 300]);
        assert_eq!([1, 2, 5, 9, 10, 1_000].map(|n| refused_pause(n).as_secs()), [5, 10, 80, 1_280, 1_800, 1_800]);
    }
}
