//! What this process remembers for the feed: timelines, who follows whom, and posts as they are shown.
//!
//! All three follow applied states: of posts and counters by the consumers, of subscriptions by this service's own
//! transactions. The other replicas are told what one has applied.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use shared::auth::Accounts;
use shared::cache::{Cache, Json, Load};
use shared::db::{Db, Reads};
use shared::error::ApiError;
use shared::events::{Key, Memory, OwnMemory, State};
use shared::http::Page;
use shared::ids::UserId;

use crate::db::entities::{counts, posts, subscriptions};
use crate::db::queries;
use crate::domain::ids::PostId;
use crate::domain::{Slot, Timelines};
use crate::error::Error;
use crate::shown;

/// Posts per query when memory is filled.
const PAGE: u64 = 5_000;

/// The memory. Clones share it.
#[derive(Clone)]
pub(crate) struct FeedMemory {
    timelines: Lists,
    /// Whom people follow, by the follower's id.
    pub(crate) followed: Cache<Followed>,
    /// Posts by their ids.
    pub(crate) shown: Cache<shown::FromDatabase>,
    accounts: Accounts,
    most: usize,
}

/// A page of somebody's feed.
pub(crate) struct FeedPage {
    /// The posts as they are shown, newest first.
    pub(crate) posts: Vec<Json>,
    /// The cursor of the next page.
    pub(crate) next: Option<String>,
}

impl FeedMemory {
    /// Timelines of at most so many posts; caches that take half of these bytes each.
    pub(crate) fn new(most_posts: usize, cache_bytes: u64, accounts: Accounts) -> Self {
        Self {
            timelines: Lists::new(most_posts),
            followed: Cache::new(cache_bytes / 2),
            shown: Cache::new(cache_bytes / 2),
            accounts,
            most: most_posts,
        }
    }

    /// What reads whom people follow.
    pub(crate) fn source(&self) -> Followed {
        Followed(self.timelines.clone())
    }

    /// A page of somebody's feed; `None`: nobody is followed. Visibility is decided now.
    pub(crate) async fn page(&self, db: &Db, reader: UserId, page: &Page) -> Result<Option<FeedPage>, Error> {
        let Some(followed) = self.followed.find(reader.0).await?.filter(|followed| !followed.is_empty()) else {
            return Ok(None);
        };
        let mut ids = self.newest(db, reader, &followed, page).await?;
        let next = page.cut(&mut ids, |id| id.0);
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        let shown = self.shown.find_all(&ids).await?;
        Ok(Some(FeedPage { posts: shown.iter().map(|post| post.body()).collect(), next }))
    }

    /// The ids of a page and of the post that follows it: from memory, and below its floor from the database.
    async fn newest(&self, db: &Db, reader: UserId, followed: &[Slot], page: &Page) -> Result<Vec<PostId>, ApiError> {
        let after = page.after.map(PostId);
        let fetch = usize::try_from(page.fetch()).unwrap_or(usize::MAX);
        let (mut ids, floor) = {
            let (accounts, timelines) = (self.accounts.all(), self.timelines.read());
            let hidden = |author| accounts.get(&author).is_some_and(|author| !author.active);
            let floor = timelines.floor();
            (floor.map_or_else(Vec::new, |_| timelines.page(followed, after, fetch, hidden)), floor)
        };
        let missing = page.fetch().saturating_sub(ids.len() as u64);
        let below = floor.into_iter().chain(after).min();
        if missing > 0 && below.is_none_or(|below| below.0 > 1) {
            ids.extend(queries::feed::older(db.read(), reader, below, missing).await?);
        }
        Ok(ids)
    }
}

/// The timelines that all share. A page holds the lock only while it is computed, never across a database call.
#[derive(Clone)]
pub(crate) struct Lists(Arc<RwLock<Timelines>>);

impl Lists {
    fn new(most: usize) -> Self {
        Self(Arc::new(RwLock::new(Timelines::new(most))))
    }

    fn read(&self) -> RwLockReadGuard<'_, Timelines> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Timelines> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads whom people follow.
pub(crate) struct Followed(Lists);

#[async_trait]
impl Load for Followed {
    type Value = Vec<Slot>;

    async fn load(&self, db: &Reads, readers: &[i64]) -> Result<Vec<(i64, Vec<Slot>)>, DbErr> {
        // Who follows nobody is remembered, too.
        let mut followed: HashMap<i64, Vec<Slot>> = readers.iter().map(|reader| (*reader, Vec::new())).collect();
        let pairs = queries::subscriptions::followed_by_all(db, readers).await?;
        let mut timelines = self.0.write();
        for (follower, followee) in pairs {
            followed.entry(follower.0).or_default().push(timelines.slot(followee));
        }
        drop(timelines);
        // Pages look at all of them: in this order they are nearest to each other in memory.
        followed.values_mut().for_each(|slots| slots.sort_unstable());
        Ok(followed.into_iter().collect())
    }

    fn bytes(followed: &Vec<Slot>) -> usize {
        size_of_val(followed.as_slice())
    }
}

#[async_trait]
impl Memory<posts::Model> for FeedMemory {
    fn remember(&self, rows: &[posts::Model]) {
        {
            let mut timelines = self.timelines.write();
            rows.iter().for_each(|row| timelines.set_post(row.id, row.version, row.author_id.filter(|_| !row.deleted)));
        }
        rows.iter().for_each(|row| self.shown.forget(row.id.0));
    }

    fn forget(&self, key: &Key) {
        self.timelines.write().forget_post(PostId(key.first()));
        self.shown.forget(key.first());
    }

    /// Reads the newest posts without their texts.
    async fn load(&self, db: &Reads) -> Result<(), DbErr> {
        use posts::{Column, Entity};
        self.shown.clear();
        let (mut lowest, mut left) = (PostId(i64::MAX), self.most);
        while left > 0 {
            let columns = [Column::Id, Column::AuthorId, Column::Deleted, Column::Version];
            let page = Entity::find().select_only().columns(columns).filter(Column::Id.lt(lowest));
            let page = page.order_by_desc(Column::Id).limit(PAGE.min(left as u64));
            let rows: Vec<(PostId, Option<UserId>, bool, i64)> = page.into_tuple().all(db).await?;
            let Some((last, ..)) = rows.last() else {
                lowest = PostId(0);
                break;
            };
            (lowest, left) = (*last, left.saturating_sub(rows.len()));
            let mut timelines = self.timelines.write();
            for (id, author, deleted, version) in rows {
                timelines.set_post(id, version, author.filter(|_| !deleted));
            }
        }
        self.timelines.write().loaded(lowest);
        Ok(())
    }
}

#[async_trait]
impl Memory<counts::Model> for FeedMemory {
    fn remember(&self, rows: &[counts::Model]) {
        rows.iter().for_each(|row| self.shown.update(row.id.0, |shown| shown.count(row)));
    }

    fn forget(&self, key: &Key) {
        self.shown.forget(key.first());
    }

    async fn load(&self, _db: &Reads) -> Result<(), DbErr> {
        self.shown.clear();
        Ok(())
    }
}

impl OwnMemory<subscriptions::Model> for FeedMemory {
    fn remember(&self, rows: &[subscriptions::Model]) {
        rows.iter().for_each(|row| self.followed.forget(row.key().first()));
    }

    fn forget_all(&self) {
        self.followed.clear();
    }
}
