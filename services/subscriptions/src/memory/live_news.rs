//! The task that announces live items to the open streams of this process, in the order of their numbers.
//!
//! It reads them from the database, whichever replica has stored them. A commit wakes it at once, on this replica by the
//! commit itself and on the others by the states that replicas tell each other; since such a word can be lost, it also
//! looks by itself.

use std::time::Duration;

use shared::auth::Auth;
use shared::error::ApiError;
use shared::tasks::Cancel;
use shared::work::Db;
use tokio::time::{MissedTickBehavior, interval};

use super::feed::FeedMemory;
use super::live::{EndReason, LiveStreams};
use crate::db::entities::live_items;
use crate::db::queries;
use crate::domain::ids::PostId;
use crate::domain::live::FOLLOWERS;
use crate::domain::notices::{Place, Thing};
use crate::error::Error;

/// The pause after which notices are told together, and counters that have changed.
const PAUSE: Duration = Duration::from_millis(200);
/// Of so many pauses, one also ends streams, and looks for items of which no word came.
const LOOK: u32 = 5;
/// The most items that are read at once.
const PAGE: u64 = 500;
/// The pause between two deletions of old items.
const TRIM: Duration = Duration::from_secs(60);

impl LiveStreams {
    /// Announces items and counters until `cancel`, and ends streams whose session has ended. At `stopping` all streams
    /// end, because the server waits for their answers.
    pub(crate) async fn run(self, feed: FeedMemory, auth: Auth, db: Db, stopping: Cancel, cancel: Cancel) {
        let mut pauses = interval(PAUSE);
        pauses.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut round = 0_u32;
        loop {
            let is_empty = self.lock().is_empty();
            let is_pause = tokio::select! {
                () = self.wait() => false,
                _ = pauses.tick(), if !is_empty => true,
                () = stopping.cancelled(), if !is_empty => {
                    self.lock().stop();
                    continue;
                }
                () = cancel.cancelled() => return,
            };
            round = round.wrapping_add(u32::from(is_pause));
            let looks = is_pause && round.is_multiple_of(LOOK);
            if (looks || !is_pause)
                && let Err(error) = self.announce_items(&feed, &db).await
            {
                tracing::warn!(error = %ApiError::from(error), "Open streams could not be told; trying again.");
            }
            if is_pause {
                self.lock().flush();
                if let Err(error) = self.announce_counts(&feed).await {
                    tracing::warn!(%error, "Open streams could not be told of counters; trying again.");
                }
            }
            if looks {
                self.end_refused(&auth);
            }
        }
    }

    /// Deletes old items every minute until `cancel`.
    pub(crate) async fn run_trimming(db: Db, cancel: Cancel) {
        while !cancel.is_cancelled() {
            match trim(&db).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => {
                    let error = ApiError::from(error);
                    tracing::warn!(%error, "Old items of streams could not be deleted; trying again later.");
                }
            }
            tokio::select! { () = tokio::time::sleep(TRIM) => {}, () = cancel.cancelled() => {} }
        }
    }

    /// Announces all items after the last announced one.
    async fn announce_items(&self, feed: &FeedMemory, db: &Db) -> Result<(), Error> {
        loop {
            let Some(position) = self.lock().position else { return Ok(()) };
            let items = queries::live_items::page_after(db.read(), position, PAGE).await?;
            let Some(last) = items.last().map(|item| item.seq) else { return Ok(()) };
            if items.iter().any(|item| item.recipient == FOLLOWERS) {
                // After the items, so that somebody who followed first gets the posts that came then.
                self.read_followed(feed).await?;
            }
            for item in &items {
                self.announce(feed, item).await?;
            }
            let mut table = self.lock();
            // A stream that was opened meanwhile may have put the position back.
            if table.position == Some(position) {
                table.position = Some(last);
            }
        }
    }

    async fn announce(&self, feed: &FeedMemory, item: &live_items::Model) -> Result<(), Error> {
        match Place(item.place).thing() {
            Thing::Post(id) if item.recipient == FOLLOWERS => {
                let author = feed.slot_of(item.actor_id);
                for post in feed.render(&[id]).await? {
                    self.lock().announce_post(item.seq, author, &post);
                }
            }
            _ => self.lock().note_notice(item),
        }
        Ok(())
    }

    /// Reads whom the readers follow, where it is not known or has changed.
    async fn read_followed(&self, feed: &FeedMemory) -> Result<(), Error> {
        let unknown: Vec<(u64, i64, u64)> =
            self.lock().streams().filter_map(|(id, open)| Some((id, open.user.0, open.unread_changes()?))).collect();
        for (id, user, changes) in unknown {
            let followed = feed.followed.find(user).await?;
            if let Some(open) = self.lock().find(id) {
                open.set_followed(followed, changes);
            }
        }
        Ok(())
    }

    /// Announces the counters that have changed, of posts that are visible.
    async fn announce_counts(&self, feed: &FeedMemory) -> Result<(), ApiError> {
        let changed: Vec<PostId> = std::mem::take(&mut self.lock().changed_counts).into_iter().collect();
        if changed.is_empty() {
            return Ok(());
        }
        let counts = feed.render_counts(&changed).await?;
        let mut table = self.lock();
        counts.iter().for_each(|(post, counts)| table.announce_counts(*post, counts));
        Ok(())
    }

    /// Ends the streams whose token has expired, whose session has ended or whose account is blocked.
    fn end_refused(&self, auth: &Auth) {
        let now = auth.clock.now();
        self.lock().end(|open| {
            if open.expires_at <= now {
                return Some(EndReason::TokenExpired);
            }
            let refusal = auth.check_session(open.user, open.session_version, open.session_id).err()?;
            let is_blocked = refusal.status() == axum::http::StatusCode::FORBIDDEN;
            Some(if is_blocked { EndReason::AccountBlocked } else { EndReason::SessionEnded })
        });
    }
}

async fn trim(db: &Db) -> Result<bool, Error> {
    let tx = db.begin_consuming().await?;
    let is_more = queries::live_items::trim(&tx).await?;
    tx.commit().await?;
    Ok(is_more)
}
