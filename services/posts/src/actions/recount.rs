//! Lets the counters follow people: somebody who is blocked or erased leaves them, and comes back with the unblock.
//!
//! The work is found in the database, see `db::queries::recounts`, and done in small transactions. So a process that
//! dies loses nothing, and several replicas can work at the same time.

use std::time::Duration;

use shared::db::lift_time_limit;
use shared::events::ApplyError;
use shared::tasks::Cancel;
use shared::work::Db;
use tokio::time::interval;

use crate::db::queries::recounts;
use crate::memory::people::People;
use crate::streams::post_counts;

/// The pause between two searches for work that no applied state has announced: later rounds that come due, and work of
/// a process that died.
const SEARCH_EVERY: Duration = Duration::from_secs(10);

/// Recounts whenever a state hides or shows somebody, and regularly, until cancelled.
pub(crate) async fn run_recounts(people: People, db: Db, cancel: Cancel) {
    let mut searches = interval(SEARCH_EVERY);
    loop {
        tokio::select! {
            _ = searches.tick() => {}
            () = people.wait_for_change() => {}
            () = cancel.cancelled() => return,
        }
        // A recount that is cut off here goes on after the next start, from the last page that was stored.
        tokio::select! {
            done = recount_all_due(&db) => if let Err(error) = done {
                tracing::warn!(%error, "Counters could not be counted again yet; trying again.");
            },
            () = cancel.cancelled() => return,
        }
    }
}

/// Does all work that is due.
async fn recount_all_due(db: &Db) -> Result<(), ApplyError> {
    loop {
        let scheduled = schedule_changed_people(db).await?;
        while recount_next_page(db).await? {}
        // One search finds a limited number of people. Only a search without result has found them all.
        if !scheduled {
            return Ok(());
        }
    }
}

/// Schedules work for people who were hidden or have come back. Returns false when there are none.
async fn schedule_changed_people(db: &Db) -> Result<bool, ApplyError> {
    let people = recounts::find_changed_people(db.read()).await?;
    if people.is_empty() {
        return Ok(false);
    }
    let tx = db.begin_consuming().await?;
    recounts::schedule(&tx, people).await?;
    tx.commit().await?;
    Ok(true)
}

/// Recounts the next page of one person's posts. Returns false when no work is due.
async fn recount_next_page(db: &Db) -> Result<bool, ApplyError> {
    let mut tx = db.begin_consuming().await?;
    let Some(work) = recounts::lock_next_due(&tx).await? else {
        tx.rollback().await?;
        return Ok(false);
    };
    // One post with very many likes is counted by one statement, which may take longer than a request's statements.
    lift_time_limit(&*tx).await?;
    let posts = recounts::next_posts(&tx, &work).await?;
    let last = posts.last().copied();
    if last.is_some() {
        post_counts::recount::<ApplyError>(&mut tx, posts).await?;
    }
    recounts::store_progress(&tx, work, last).await?;
    tx.commit().await?;
    Ok(true)
}
