//! The ranking of search results, which takes a processor for some hundredths of a second. It runs on a thread of its own,
//! one at a time, so that it slows nothing else down.

use std::sync::Arc;
use std::time::Duration;

use shared::error::ApiError;
use shared::text::words::{WordQuery, rank};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::db::queries::search::Candidate;
use crate::domain::ids::PostId;

/// The longest time that a search waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);
/// The lowest bit of the rank in the key of a match. Below are the 53 bits of the post's id.
const RANK_BIT: u32 = 54;

/// The turns of searches that are ranked. Clones share them.
#[derive(Clone)]
pub(crate) struct Ranking(Arc<Semaphore>);

impl Default for Ranking {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Ranking {
    /// Returns the best of some matches, the best one first, each with its key. All come after `after` if it is given,
    /// the key of an earlier match.
    ///
    /// # Errors
    /// 503 `busy` when other searches take too long.
    pub(crate) async fn find_best(
        &self,
        query: WordQuery,
        candidates: Vec<Candidate>,
        after: Option<i64>,
    ) -> Result<Vec<(i64, PostId)>, ApiError> {
        let busy = || ApiError::unavailable("busy", "Too many searches are being ranked already");
        let turn = timeout(PATIENCE, Arc::clone(&self.0).acquire_owned()).await.ok().and_then(Result::ok);
        let turn = turn.ok_or_else(busy)?;
        let work = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            rank_all(&query, candidates, after)
        });
        work.await.map_err(ApiError::internal)
    }
}

fn rank_all(query: &WordQuery, candidates: Vec<Candidate>, after: Option<i64>) -> Vec<(i64, PostId)> {
    let text = |text: Option<String>| text.unwrap_or_default();
    let key = |(id, title, content)| (match_key(rank(query, &text(title), &text(content)), id), id);
    let mut found: Vec<(i64, PostId)> = candidates.into_iter().map(key).collect();
    found.retain(|(key, _)| after.is_none_or(|after| *key < after));
    found.sort_unstable_by(|a, b| b.cmp(a));
    found
}

/// The place of a match in the list of the best: by rank, and newer posts first among those of the same rank.
fn match_key(rank: u32, id: PostId) -> i64 {
    i64::from(rank) << RANK_BIT | id.0
}
