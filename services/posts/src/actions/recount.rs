//! The task that recounts: the counters of posts leave out the likes and comments of people who are blocked or erased,
//! and count them again after an unblock.
//!
//! The recounts that are due are found in the database, see `db::queries::recounts`, and made in small transactions. So
//! a process that dies loses none, and several replicas can recount at the same time.

use std::time::Duration;

use shared::db::lift_time_limit;
use shared::events::ApplyError;
use shared::tasks::Cancel;
use shared::work::Db;
use tokio::time::interval;

use crate::db::queries::recounts;
use crate::memory::people::People;
use crate::streams::post_counts;

/// The pause between two searches for due recounts that no newly applied state has announced: later rounds, and
/// recounts that a process left unfinished when it died.
const SEARCH_EVERY: Duration = Duration::from_secs(10);

/// Makes the recounts that are due until cancelled: whenever a state hides a person or makes one visible again, and
/// every [`SEARCH_EVERY`].
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

/// Schedules and makes all recounts that are due, until none is left.
async fn recount_all_due(db: &Db) -> Result<(), ApplyError> {
    loop {
        let scheduled = schedule_changed_people(db).await?;
        while recount_next_page(db).await? {}
        // One search finds a limited number of people. Only a search that finds nobody shows that nobody is left.
        if !scheduled {
            return Ok(());
        }
    }
}

/// Schedules recounts for people who have become hidden, or visible again, since the counters last followed them.
/// Returns false when there are none.
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

/// Recounts the next page of posts for the person whose recount has been due for longest. Returns false when no recount
/// is due.
async fn recount_next_page(db: &Db) -> Result<bool, ApplyError> {
    let mut tx = db.begin_consuming().await?;
    let Some(work) = recounts::lock_next_due(&tx).await? else {
        tx.rollback().await?;
        return Ok(false);
    };
    // The likes of one post are counted by one statement. For very many likes it may take longer than the time limit of
    // a request's statements.
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
