//! The authors whom readers follow and have not muted, as the cache loads them.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use sea_orm::DbErr;
use shared::cache::Load;
use shared::db::Reads;
use shared::ids::UserId;

use super::timelines::SharedTimelines;
use crate::db::queries::{mutes, subscriptions};
use crate::domain::Slot;

/// The loader of the cache: reads the followees of readers, by the readers' ids, as slots of the timelines.
pub(crate) struct FollowedLoader(pub(super) SharedTimelines);

#[async_trait]
impl Load for FollowedLoader {
    type Value = Vec<Slot>;

    async fn load(&self, db: &Reads, readers: &[i64]) -> Result<Vec<(i64, Vec<Slot>)>, DbErr> {
        // Readers without subscriptions get an empty list, so that they are cached too.
        let mut followed: HashMap<i64, Vec<Slot>> = readers.iter().map(|reader| (*reader, Vec::new())).collect();
        let pairs = subscriptions::find_followed_by_all(db, readers).await?;
        let muted: HashSet<(UserId, UserId)> = mutes::find_of_all(db, readers).await?.into_iter().collect();
        let mut timelines = self.0.write();
        for (follower, followee) in pairs.into_iter().filter(|pair| !muted.contains(pair)) {
            followed.entry(follower.0).or_default().push(timelines.find_or_add_author(followee));
        }
        drop(timelines);
        // A page scans all slots of its reader. In ascending order the scan reads memory sequentially.
        followed.values_mut().for_each(|slots| slots.sort_unstable());
        Ok(followed.into_iter().collect())
    }

    fn bytes(followed: &Vec<Slot>) -> usize {
        size_of_val(followed.as_slice())
    }
}
