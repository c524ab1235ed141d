//! The memory that feeds are read from: timelines, the followees of readers, and rendered posts.

use async_trait::async_trait;
use sea_orm::DbErr;
use shared::auth::Accounts;
use shared::cache::{Cache, Json};
use shared::db::Reads;
use shared::error::ApiError;
use shared::events::{Key, Memory, OwnMemory};
use shared::ids::UserId;
use shared::work::Db;

use super::followed::FollowedLoader;
use super::live::LiveStreams;
use super::shown::PostLoader;
use super::timelines::SharedTimelines;
use crate::db::entities::{counts, mutes, posts, subscriptions};
use crate::db::queries;
use crate::domain::Slot;
use crate::domain::ids::PostId;
use crate::error::Error;

/// The number of posts per query while the timelines are filled.
const LOAD_PAGE: u64 = 5_000;

/// The memory of one process. Clones share it.
#[derive(Clone)]
pub(crate) struct FeedMemory {
    timelines: SharedTimelines,
    /// The followees of readers, by the reader's id.
    pub(crate) followed: Cache<FollowedLoader>,
    /// Rendered posts by their ids.
    pub(crate) shown: Cache<PostLoader>,
    /// Blocked and erased people, whose posts are skipped.
    accounts: Accounts,
    /// The open streams, which are told of what changes here.
    pub(crate) live: LiveStreams,
    max_posts: usize,
}

impl FeedMemory {
    /// Creates an empty memory: timelines of at most `max_posts` posts, and two caches that share `cache_bytes` evenly.
    pub(crate) fn new(max_posts: usize, cache_bytes: u64, accounts: Accounts) -> Self {
        Self {
            timelines: SharedTimelines::new(max_posts),
            followed: Cache::new(cache_bytes / 2),
            shown: Cache::new(cache_bytes / 2),
            accounts,
            live: LiveStreams::default(),
            max_posts,
        }
    }

    /// Creates the loader of the cache `followed`.
    pub(crate) fn followed_loader(&self) -> FollowedLoader {
        FollowedLoader(self.timelines.clone())
    }

    /// Returns the ids of up to `limit` posts of a reader's feed, newest first, all older than `after` if it is given.
    /// `None` means that the reader follows nobody. Visibility is decided now, not when the posts arrived.
    ///
    /// # Errors
    /// When the database is needed and fails.
    pub(crate) async fn find_page(
        &self,
        db: &Db,
        reader: UserId,
        after: Option<PostId>,
        limit: u64,
    ) -> Result<Option<Vec<PostId>>, Error> {
        let Some(followed) = self.followed.find(reader.0).await?.filter(|followed| !followed.is_empty()) else {
            return Ok(None);
        };
        let (mut ids, floor) = self.find_in_timelines(&followed, after, limit);
        let missing = limit.saturating_sub(ids.len() as u64);
        // Without a floor the timelines are still being filled, so the whole page is read from the database. Ids begin
        // at 1: below a floor of 1 or 0 there is nothing to read.
        let below = floor.into_iter().chain(after).min();
        if missing > 0 && below.is_none_or(|below| below.0 > 1) {
            ids.extend(queries::feed::find_older_posts(db.read(), reader, below, missing).await?);
        }
        Ok(Some(ids))
    }

    /// Reads a page from the timelines, as far down as their floor, and returns it with this floor. While the timelines
    /// are being filled, the page is empty and the floor is `None`.
    fn find_in_timelines(&self, followed: &[Slot], after: Option<PostId>, limit: u64) -> (Vec<PostId>, Option<PostId>) {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let (accounts, timelines) = (self.accounts.all(), self.timelines.read());
        let is_hidden = |author| accounts.get(&author).is_some_and(|author| !author.active);
        let floor = timelines.floor();
        let page = floor.map_or_else(Vec::new, |_| timelines.find_page(followed, after, limit, is_hidden));
        (page, floor)
    }

    /// Returns posts as JSON in the order of the ids, without those that are not visible any more.
    ///
    /// # Errors
    /// When the database is needed and fails.
    pub(crate) async fn render(&self, ids: &[PostId]) -> Result<Vec<Json>, ApiError> {
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        Ok(self.shown.find_all(&ids).await?.iter().map(|post| post.body()).collect())
    }

    /// Returns the counters of those of these posts that are visible, as JSON.
    ///
    /// # Errors
    /// When the database is needed and fails.
    pub(crate) async fn render_counts(&self, ids: &[PostId]) -> Result<Vec<(PostId, Json)>, ApiError> {
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        Ok(self.shown.find_all(&ids).await?.iter().map(|post| post.counts()).collect())
    }

    /// Returns the slot of an author in the timelines.
    pub(super) fn slot_of(&self, author: UserId) -> Slot {
        self.timelines.write().find_or_add_author(author)
    }
}

#[async_trait]
impl Memory<posts::Model> for FeedMemory {
    fn remember(&self, rows: &[posts::Model]) {
        let mut timelines = self.timelines.write();
        for row in rows {
            timelines.merge_post(row.id, row.version, row.author_id.filter(|_| !row.deleted));
        }
        // The caches have locks of their own, and no page should wait for them.
        drop(timelines);
        rows.iter().for_each(|row| self.shown.forget(row.id.0));
    }

    fn forget(&self, key: &Key) {
        self.timelines.write().remove_post(PostId(key.first()));
        self.shown.forget(key.first());
    }

    /// Fills the timelines with the newest posts. The texts of the posts stay in the database until a page needs them.
    async fn load(&self, db: &Reads) -> Result<(), DbErr> {
        self.shown.clear();
        let (mut lowest, mut left) = (PostId(i64::MAX), self.max_posts);
        while left > 0 {
            let rows = queries::feed::find_timeline_posts(db, lowest, LOAD_PAGE.min(left as u64)).await?;
            let Some((last, ..)) = rows.last() else {
                // The copy is exhausted, so the timelines hold all there is.
                lowest = PostId(0);
                break;
            };
            (lowest, left) = (*last, left.saturating_sub(rows.len()));
            let mut timelines = self.timelines.write();
            for (id, author, deleted, version) in rows {
                timelines.merge_post(id, version, author.filter(|_| !deleted));
            }
        }
        self.timelines.write().complete_from(lowest);
        Ok(())
    }
}

#[async_trait]
impl Memory<counts::Model> for FeedMemory {
    fn remember(&self, rows: &[counts::Model]) {
        rows.iter().for_each(|row| self.shown.update(row.id.0, |shown| shown.merge_counts(row)));
        self.live.note_counts(rows);
    }

    fn forget(&self, key: &Key) {
        self.shown.forget(key.first());
    }

    /// Reads nothing, because counters are read together with their posts, on demand. Only drops the cached posts,
    /// whose counters may be stale.
    async fn load(&self, _db: &Reads) -> Result<(), DbErr> {
        self.shown.clear();
        Ok(())
    }
}

impl OwnMemory<mutes::Model> for FeedMemory {
    fn remember(&self, rows: &[mutes::Model]) {
        for row in rows {
            self.followed.forget(row.user_id.0);
            self.live.forget_followed(row.user_id);
        }
    }

    fn forget_all(&self) {
        self.followed.clear();
        self.live.forget_all_followed();
    }
}

impl OwnMemory<subscriptions::Model> for FeedMemory {
    fn remember(&self, rows: &[subscriptions::Model]) {
        for row in rows {
            self.followed.forget(row.follower_id.0);
            self.live.forget_followed(row.follower_id);
        }
    }

    fn forget_all(&self) {
        self.followed.clear();
        self.live.forget_all_followed();
    }
}
