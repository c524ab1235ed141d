//! Reconcile: compares every copy with its owner on a running system, and names the rows that have drifted.
//!
//! `chatty reconcile` reads both databases, which a service never does. Services compare by messages instead, see
//! [`comparison`](super::comparison).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sea_orm::DbErr;
use serde::Serialize;
use serde_json::Value;
use tokio::time::sleep;

use super::any_consumer::{AnyConsumer, Row};
use super::source::AnySource;
use crate::clock::Timestamp;
use crate::outbox::Key;
use crate::work::Db;

/// The number of rows per page.
const PAGE: u64 = 1_000;
/// The time that a copy may lag before a missing state counts as drift.
pub const GRACE: Duration = Duration::from_secs(30);

/// The kinds of drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// The copy's row is missing, or below the version that the owner had before the grace time.
    Behind,
    /// The copy has the owner's version with other content.
    Different,
    /// The copy has a version that the owner has not reached, or an aggregate that the owner does not know.
    Unknown,
    /// The owner's own counter differs from the rows that it counts; no copy is involved.
    Counts,
}

/// A row that has drifted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drifted {
    /// The key of the aggregate.
    pub key: Key,
    /// The kind of drift.
    pub drift: Drift,
    /// The version of the copy; `None` when the copy has no row.
    pub copy_version: Option<i64>,
    /// The version of the owner; `None` when the owner does not know the aggregate.
    pub owner_version: Option<i64>,
}

/// Compares one copy with its owner, page by page, and returns the rows that have drifted. It reads the owner's
/// versions and waits for `grace` before it compares, so that changes under way are not taken for drift; with a `grace`
/// of zero the system must be quiet.
///
/// # Errors
/// When a database cannot be read, or a state of the owner cannot be parsed by this copy.
pub async fn compare(
    source: &dyn AnySource,
    owner: &Db,
    consumer: &dyn AnyConsumer,
    copy: &Db,
    grace: Duration,
) -> Result<Vec<Drifted>, DbErr> {
    let before = if grace.is_zero() { None } else { Some(read_versions(source, owner).await?) };
    sleep(grace).await;
    let mut drifted = Vec::new();
    let mut after: Option<Key> = None;
    loop {
        let page = consumer.page(copy.read(), after.as_ref(), PAGE).await?;
        // A page that is not full is the last one, and its range has no end: the owner may know keys above it.
        let until = page.get(PAGE as usize - 1).map(|last| last.key.clone());
        let mut copies: BTreeMap<Key, Row> = page.into_iter().map(|row| (row.key.clone(), row)).collect();
        // The owner's states of this range are read after the copy's rows, so that a copy cannot be ahead by mere
        // timing.
        let mut from = after;
        loop {
            let states = source.page(owner.read(), from.as_ref(), PAGE).await?;
            let mut is_last_page = states.len() < PAGE as usize;
            for (key, version, state) in states {
                if until.as_ref().is_some_and(|until| key > *until) {
                    is_last_page = true;
                    break;
                }
                from = Some(key.clone());
                // An aggregate that is younger than the grace time is not due at all, which version 0 expresses.
                let due = before.as_ref().map_or(version, |before| before.get(&key).copied().unwrap_or(0));
                let found = copies.remove(&key);
                let copy_version = found.as_ref().map(|row| row.version);
                if let Some(drift) = find_drift(found, due, version, consumer, &state, copy.clock().now())? {
                    if copy_version.is_none() && !consumer.can_apply(copy.read(), &key).await? {
                        continue;
                    }
                    drifted.push(Drifted { key, drift, copy_version, owner_version: Some(version) });
                }
            }
            if is_last_page {
                break;
            }
        }
        // Rows that are left have no state at the owner.
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

/// Compares an owner's counters with the rows that they count, and returns the counters that are wrong now and still
/// after `grace`. With a `grace` of zero the system must be quiet.
///
/// # Errors
/// When the database cannot be read.
pub async fn find_miscounted(source: &dyn AnySource, owner: &Db, grace: Duration) -> Result<Vec<Drifted>, DbErr> {
    let mut wrong = source.find_miscounted(owner.read()).await?;
    if !wrong.is_empty() && !grace.is_zero() {
        // The owner recounts by a job of its own (ADR 19), so only counters that stay wrong have drifted.
        sleep(grace).await;
        let before: BTreeSet<Key> = wrong.into_iter().map(|(key, _)| key).collect();
        wrong = source.find_miscounted(owner.read()).await?;
        wrong.retain(|(key, _)| before.contains(key));
    }
    let drifted =
        |(key, version)| Drifted { key, drift: Drift::Counts, copy_version: None, owner_version: Some(version) };
    Ok(wrong.into_iter().map(drifted).collect())
}

/// Compares a copy's row with the owner's state of `version`. `due` is the version that the copy must have reached;
/// zero demands nothing. `None` means that the row has not drifted; a state that has expired never does.
pub(super) fn find_drift(
    found: Option<Row>,
    due: i64,
    version: i64,
    consumer: &dyn AnyConsumer,
    state: &Value,
    now: Timestamp,
) -> Result<Option<Drift>, DbErr> {
    let json = |error: serde_json::Error| DbErr::Json(error.to_string());
    if consumer.has_expired(state, now).map_err(json)? {
        return Ok(None);
    }
    Ok(match found {
        None => (due > 0).then_some(Drift::Behind),
        Some(row) if row.version < due => Some(Drift::Behind),
        Some(row) if row.version > version => Some(Drift::Unknown),
        Some(row) if row.version == version => {
            let expected = consumer.as_copied(state).map_err(json)?;
            (expected != row).then_some(Drift::Different)
        }
        // Between `due` and `version` the copy is on its way, and the content of that version is no longer known.
        Some(_) => None,
    })
}

/// Reads the current versions of all aggregates of the owner.
async fn read_versions(source: &dyn AnySource, owner: &Db) -> Result<BTreeMap<Key, i64>, DbErr> {
    let mut all = BTreeMap::new();
    let mut after: Option<Key> = None;
    loop {
        let page = source.page(owner.read(), after.as_ref(), PAGE).await?;
        let Some((last, _, _)) = page.last() else { return Ok(all) };
        after = Some(last.clone());
        all.extend(page.into_iter().map(|(key, version, _)| (key, version)));
    }
}
