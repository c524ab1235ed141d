//! Counters follow the people whose likes and comments they count: a person who is blocked or erased leaves them, and comes
//! back with the unblock.
//!
//! Nothing but the copy of users says that there is work, so a crash between a user's state and the recount loses nothing.
//! How far the work has come stands in the database, page by page.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use sea_orm::DbErr;
use shared::auth::{AccountRow, Accounts};
use shared::db::{Db, Reads, lift_time_limit};
use shared::events::{ApplyError, Key, Memory};
use shared::ids::UserId;
use shared::lifecycle::Cancel;
use tokio::sync::Notify;
use tokio::time::{Instant, interval};

use crate::db::entities::users::Model;
use crate::db::queries::recounts;

/// How often work is looked for that nobody has told of: what comes due, and what a process that died left behind.
const ROUNDS: Duration = Duration::from_secs(10);

/// How long somebody may be left out of counters after the last state that says so, or that it is over: until the recounts
/// have certainly been made.
const SETTLED: Duration = Duration::from_secs(15 * 60);

/// The memory of people: whose tokens are refused, and who was hidden a moment ago. Somebody who is hidden or comes back wakes
/// the recounts. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct People {
    accounts: Accounts,
    recent: Arc<RwLock<HashMap<UserId, Instant>>>,
    changed: Arc<Notify>,
}

#[async_trait]
impl Memory<Model> for People {
    fn remember(&self, rows: &[Model]) {
        let concerned: Vec<UserId> =
            rows.iter().filter(|row| !row.account().active || self.is_hidden(row.id)).map(|row| row.id).collect();
        if !concerned.is_empty() {
            let now = Instant::now();
            let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
            recent.retain(|_, since| now - *since < SETTLED);
            recent.extend(concerned.iter().map(|id| (*id, now)));
        }
        self.accounts.remember(rows);
        if !concerned.is_empty() {
            self.changed.notify_one();
        }
    }

    fn forget(&self, key: &Key) {
        Memory::<Model>::forget(&self.accounts, key);
    }

    async fn load(&self, db: &Reads) -> Result<(), DbErr> {
        Memory::<Model>::load(&self.accounts, db).await
    }
}

impl People {
    /// The memory that requests ask whose tokens are refused.
    pub(crate) fn of(accounts: Accounts) -> Self {
        Self { accounts, ..Self::default() }
    }

    /// True while counters may be without somebody's likes and comments, so that adding one to them or taking one away would be
    /// wrong.
    pub(crate) fn may_be_left_out(&self, id: UserId) -> bool {
        self.is_hidden(id) || self.recent.read().unwrap_or_else(PoisonError::into_inner).contains_key(&id)
    }

    fn is_hidden(&self, id: UserId) -> bool {
        self.accounts.get(id).is_some_and(|account| !account.active)
    }

    /// Recounts what user states have touched, until `cancel`.
    pub(crate) async fn recount(self, db: Db, cancel: Cancel) {
        let mut rounds = interval(ROUNDS);
        loop {
            tokio::select! {
                _ = rounds.tick() => {}
                () = self.changed.notified() => {}
                () = cancel.cancelled() => return,
            }
            tokio::select! {
                done = work(&db) => if let Err(error) = done {
                    tracing::warn!(%error, "Counters could not be counted again yet; trying again.");
                },
                () = cancel.cancelled() => return,
            }
        }
    }
}

/// Does all that is due.
async fn work(db: &Db) -> Result<(), ApplyError> {
    loop {
        let noted = note(db).await?;
        while step(db).await? {}
        if !noted {
            return Ok(());
        }
    }
}

/// Notes the people who were hidden or have come back. Answers whether there was anybody.
async fn note(db: &Db) -> Result<bool, ApplyError> {
    let people = recounts::changed(db.read()).await?;
    if people.is_empty() {
        return Ok(false);
    }
    let tx = db.begin_consuming().await?;
    recounts::note(&tx, people).await?;
    tx.commit().await?;
    Ok(true)
}

/// Recounts a page of the posts that one of these people has touched. Answers whether there was anything to do.
async fn step(db: &Db) -> Result<bool, ApplyError> {
    let mut tx = db.begin_consuming().await?;
    let Some(work) = recounts::due(&tx).await? else {
        tx.rollback().await?;
        return Ok(false);
    };
    lift_time_limit(&*tx).await?;
    let posts = recounts::touched(&tx, &work).await?;
    let last = posts.last().copied();
    if last.is_some() {
        recounts::recount::<ApplyError>(&mut tx, posts).await?;
    }
    recounts::advance(&tx, work, last).await?;
    tx.commit().await?;
    Ok(true)
}
