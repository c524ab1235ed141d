//! The end of blocks at their time.
//!
//! The end is a column of the decision. So no end is lost when a process dies, and replicas share the work: an end is made
//! under the lock of the person, by an ordinary decision to unblock.

use std::time::Duration;

use shared::ids::UserId;
use shared::tasks::Cancel;
use shared::work::Db;
use tokio::time::{MissedTickBehavior, interval};

use super::decide::make;
use crate::db::queries::{decisions, targets};
use crate::domain::decision::{Actor, Decision};
use crate::domain::target::{Action, Kind};
use crate::error::Error;

/// The pause between two searches for blocks that have ended.
const SEARCH_EVERY: Duration = Duration::from_secs(1);
/// The number of people that one search finds.
const PAGE: u64 = 500;

/// Ends blocks at their time until cancelled.
pub(crate) async fn run_block_ends(db: Db, cancel: Cancel) {
    let mut searches = interval(SEARCH_EVERY);
    searches.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! { _ = searches.tick() => {}, () = cancel.cancelled() => return }
        if let Err(error) = end_all_due(&db).await {
            tracing::warn!(%error, "Blocks could not be ended at their time yet; trying again.");
        }
    }
}

/// Ends the blocks whose time has come, as many as one search finds.
async fn end_all_due(db: &Db) -> Result<(), Error> {
    for person in decisions::list_ended(db.read(), db.clock().now(), PAGE).await? {
        // One that cannot be ended now does not keep the others waiting.
        if let Err(error) = end_block(db, UserId(person)).await {
            tracing::warn!(%error, person.id = person, "A block could not be ended at its time yet; trying again.");
        }
    }
    Ok(())
}

/// Ends the block of a person, unless an admin or another replica has decided otherwise meanwhile.
async fn end_block(db: &Db, person: UserId) -> Result<(), Error> {
    let mut tx = db.begin_in_reserve().await?;
    let now = tx.clock().now();
    let current = targets::lock(&tx, Kind::User, person.0).await?.and_then(|(_, decision)| decision);
    let until = current.filter(|decision| decision.hidden).and_then(|decision| decision.hidden_until);
    if until.is_some_and(|until| until <= now) {
        let decision = Decision {
            kind: Kind::User,
            target_id: person.0,
            action: Action::Unblock,
            reason: None,
            until: None,
            request_id: String::new(),
        };
        make(&mut tx, &Actor::timer(), &decision).await?;
    }
    Ok(tx.commit().await?)
}
