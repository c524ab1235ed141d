//! The task that deletes rows which nobody needs any more.

use std::time::Duration;

use shared::tasks::Cancel;
use shared::work::Db;
use tokio::time::sleep;

use crate::db::queries::{mail_jobs, sessions, verifications};
use crate::domain::session;
use crate::error::Error;

/// The pause between two rounds.
const PAUSE: Duration = Duration::from_secs(3_600);
/// The time for which sent mails are kept, and links after their expiry: for questions about them.
const RETENTION: Duration = Duration::from_secs(30 * 86_400);

/// Deletes old rows once an hour until it is cancelled.
pub(crate) async fn tidy(db: Db, cancel: Cancel) {
    while !cancel.is_cancelled() {
        if let Err(error) = delete_old_rows(&db).await {
            tracing::warn!(%error, "Old rows could not be deleted; trying again later.");
        }
        tokio::select! { () = sleep(PAUSE) => {}, () = cancel.cancelled() => {} }
    }
}

async fn delete_old_rows(db: &Db) -> Result<(), Error> {
    let now = db.clock().now();
    let tx = db.begin().await?;
    // A session of this age has expired, so its tokens need not be recognised any more.
    sessions::delete_older_than(&*tx, now - session::MAX_AGE).await?;
    mail_jobs::delete_sent_before(&*tx, now - RETENTION).await?;
    verifications::delete_expired_before(&*tx, now - RETENTION).await?;
    Ok(tx.commit().await?)
}
