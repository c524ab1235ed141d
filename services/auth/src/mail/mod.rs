//! Mails leave by a worker, so that a dead mail server never fails a request.

mod smtp;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use sea_orm::DbErr;
use shared::config::ConfigError;
use shared::db::Db;
use shared::lifecycle::Cancel;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::config::Config;
use crate::db::entities::mail_job::{self, PARKED, QUEUED, SENT};
use crate::db::queries::mail_jobs;
use smtp::{Failure, Smtp};

/// Mails taken at once, and how many of them are under way together.
const BATCH: u64 = 8;
const TOGETHER: usize = 2;
/// How long a taken mail is not offered to other workers: longer than a batch can take.
const LEASE: Duration = Duration::from_secs(90);
/// How often the table is looked at without being told.
const POLL: Duration = Duration::from_secs(2);
/// How long a mail is tried: then its link has expired too.
const GIVE_UP: Duration = Duration::from_secs(24 * 3_600);
/// The longest pause between two tries of one mail.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Where mails go.
pub(crate) enum Mailer {
    /// To a mail server.
    Smtp(Smtp),
    /// Nowhere: they are read at `/dev/mail`.
    Mailbox,
}

impl Mailer {
    /// The mail server of the configuration, or the development mailbox.
    pub(crate) fn from_config(config: &Config) -> Result<Self, ConfigError> {
        config.smtp.as_ref().map_or(Ok(Self::Mailbox), |smtp| Smtp::new(smtp).map(Self::Smtp))
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
pub(crate) async fn run(db: Db, mailer: Mailer, wake: Arc<Notify>, cancel: Cancel) {
    while !cancel.is_cancelled() {
        let more = match work(&db, &mailer).await {
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
async fn work(db: &Db, mailer: &Mailer) -> Result<bool, DbErr> {
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
            let jobs = mail_jobs::claim(&*tx, now, now + LEASE, BATCH).await?;
            commit(tx).await?;
            let more = !jobs.is_empty();
            let results = futures_util::stream::iter(jobs).map(|job| send(db, smtp, job)).buffer_unordered(TOGETHER);
            let results: Vec<Result<(), DbErr>> = results.collect().await;
            results.into_iter().collect::<Result<(), DbErr>>()?;
            more
        }
    };
    measure(db).await?;
    Ok(more)
}

async fn send(db: &Db, smtp: &Smtp, job: mail_job::Model) -> Result<(), DbErr> {
    let outcome = smtp.send(&job).await;
    let now = db.clock().now();
    let tx = db.begin().await?;
    match outcome {
        Ok(()) => mail_jobs::mark_sent(&*tx, job.id, now).await?,
        Err(Failure::Permanent(reason)) => {
            tracing::error!(
                mail.id = job.id,
                mail.kind = job.kind,
                "A mail was refused for good and is parked; the server's answer is in its row."
            );
            mail_jobs::mark_failed(&*tx, job.id, &reason, None).await?;
        }
        Err(Failure::Transient(reason)) => {
            tracing::warn!(
                mail.id = job.id,
                mail.kind = job.kind,
                "A mail could not be sent and is tried again for a day; the server's answer is in its row."
            );
            let again = (now.since(job.created_at) < GIVE_UP).then(|| now + pause(job.attempts));
            mail_jobs::mark_failed(&*tx, job.id, &reason, again).await?;
        }
    }
    commit(tx).await
}

/// The pause after a number of tries: 1 s, doubling.
fn pause(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 20) - 1).unwrap_or_default();
    Duration::from_secs(1 << doublings).min(LONGEST_PAUSE)
}

async fn commit(tx: shared::db::Tx) -> Result<(), DbErr> {
    tx.commit().await.map_err(|error| DbErr::Custom(error.to_string()))
}

async fn measure(db: &Db) -> Result<(), DbErr> {
    let counts = mail_jobs::count_by_state(db.read()).await?;
    for state in [QUEUED, SENT, PARKED] {
        let count = counts.iter().find(|(name, _)| name == state).map_or(0, |(_, count)| *count);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        metrics::gauge!("mail_queue_jobs", "service" => crate::NAME, "state" => state).set(f64::from(count));
    }
    let oldest = mail_jobs::oldest_queued(db.read()).await?;
    let age = oldest.map_or(Duration::ZERO, |oldest| db.clock().now().since(oldest));
    metrics::gauge!("mail_queue_oldest_seconds", "service" => crate::NAME).set(age.as_secs_f64());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes() {
        assert_eq!([1, 2, 5, 9, 10, 1_000].map(|n| pause(n).as_secs()), [1, 2, 16, 256, 300, 300]);
    }
}
