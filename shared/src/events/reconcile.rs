//! Reconcile: compares every copy with its owner, on a live system, and names the rows that drifted.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sea_orm::DbErr;
use serde::Serialize;
use serde_json::Value;
use tokio::time::sleep;

use super::consumer::{AnyConsumer, Row};
use super::envelope::Key;
use super::resync::AnySource;
use crate::db::Db;

/// Rows per page.
const PAGE: u64 = 1_000;
/// How long a copy may lag before it counts as drifted.
pub const GRACE: Duration = Duration::from_secs(30);

/// What is wrong with a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// The copy is below the version that the owner had before the grace time, or it is missing.
    Behind,
    /// The same version with another content.
    Different,
    /// A version that the owner has not reached, or an aggregate that the owner does not know.
    Unknown,
    /// At the owner itself: a number that is not what it counts.
    Counts,
}

/// A row that drifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drifted {
    /// The aggregate.
    pub key: Key,
    /// What is wrong.
    pub drift: Drift,
    /// The copy's version; absent when there is no copy.
    pub copy_version: Option<i64>,
    /// The owner's version; absent when the owner does not know it.
    pub owner_version: Option<i64>,
}

/// Compares one copy with its owner, page by page. With `grace` zero the system must be quiet.
///
/// # Errors
/// When a database is not there, or a state of the owner is not one for this copy.
pub async fn compare(
    source: &dyn AnySource,
    owner: &Db,
    consumer: &dyn AnyConsumer,
    copy: &Db,
    grace: Duration,
) -> Result<Vec<Drifted>, DbErr> {
    let before = if grace.is_zero() { None } else { Some(versions(source, owner).await?) };
    sleep(grace).await;
    let mut drifted = Vec::new();
    let mut after: Option<Key> = None;
    loop {
        let page = consumer.page(copy.read(), after.as_ref(), PAGE).await?;
        let until = page.get(PAGE as usize - 1).map(|last| last.key.clone());
        let mut copies: BTreeMap<Key, Row> = page.into_iter().map(|row| (row.key.clone(), row)).collect();
        // The owner's part of the same range is read after the copy's, so that a copy cannot be ahead by mere timing.
        let mut from = after;
        loop {
            let states = source.page(owner.read(), from.as_ref(), PAGE).await?;
            let mut ended = states.len() < PAGE as usize;
            for (key, version, state) in states {
                if until.as_ref().is_some_and(|until| key > *until) {
                    ended = true;
                    break;
                }
                from = Some(key.clone());
                let due = before.as_ref().map_or(version, |before| before.get(&key).copied().unwrap_or(0));
                let found = copies.remove(&key);
                let copy_version = found.as_ref().map(|row| row.version);
                if let Some(drift) = judge(found, due, version, consumer, &state)? {
                    if copy_version.is_none() && !consumer.can_apply(copy.read(), &key).await? {
                        continue;
                    }
                    drifted.push(Drifted { key, drift, copy_version, owner_version: Some(version) });
                }
            }
            if ended {
                break;
            }
        }
        drifted.extend(copies.into_values().map(|row| Drifted {
            key: row.key,
            drift: Drift::Unknown,
            copy_version: Some(row.version),
            owner_version: None,
        }));
        if until.is_none() {
            return Ok(drifted);
        }
        after = until;
    }
}

/// Compares an owner's numbers with what they count. With `grace` zero the system must be quiet.
///
/// # Errors
/// When the database is not there.
pub async fn recount(source: &dyn AnySource, owner: &Db, grace: Duration) -> Result<Vec<Drifted>, DbErr> {
    let mut wrong = source.miscounted(owner.read()).await?;
    if !wrong.is_empty() && !grace.is_zero() {
        // The owner may be about to count again.
        sleep(grace).await;
        let before: BTreeSet<Key> = wrong.into_iter().map(|(key, _)| key).collect();
        wrong = source.miscounted(owner.read()).await?;
        wrong.retain(|(key, _)| before.contains(key));
    }
    let drifted =
        |(key, version)| Drifted { key, drift: Drift::Counts, copy_version: None, owner_version: Some(version) };
    Ok(wrong.into_iter().map(drifted).collect())
}

/// Compares a row with the owner's state: `due` is the version that the copy must have reached.
pub(super) fn judge(
    found: Option<Row>,
    due: i64,
    version: i64,
    consumer: &dyn AnyConsumer,
    state: &Value,
) -> Result<Option<Drift>, DbErr> {
    Ok(match found {
        None => (due > 0).then_some(Drift::Behind),
        Some(row) if row.version < due => Some(Drift::Behind),
        Some(row) if row.version > version => Some(Drift::Unknown),
        Some(row) if row.version == version => {
            let wanted = consumer.view(state).map_err(|error| DbErr::Json(error.to_string()))?;
            (wanted != row).then_some(Drift::Different)
        }
        Some(_) => None,
    })
}

/// The owner's versions now.
async fn versions(source: &dyn AnySource, owner: &Db) -> Result<BTreeMap<Key, i64>, DbErr> {
    let mut all = BTreeMap::new();
    let mut after: Option<Key> = None;
    loop {
        let page = source.page(owner.read(), after.as_ref(), PAGE).await?;
        let Some((last, _, _)) = page.last() else { return Ok(all) };
        after = Some(last.clone());
        all.extend(page.into_iter().map(|(key, version, _)| (key, version)));
    }
}
