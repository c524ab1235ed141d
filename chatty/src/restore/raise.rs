//! The preparation of restored databases, for all five together and while no service runs.
//!
//! The highest id that any database knows is needed to raise the ids in each of them, and an owner's lost rows can only
//! be found in its copies. So the command, which opens all five, reads first and then changes one database after the
//! other.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use shared::events::reconcile as compare;
use shared::events::request::Request;
use shared::events::restore::{self, RestorePlan};
use shared::events::{Key, Recovery};

use crate::output::Progress;
use crate::reconcile::{KEYS_PER_REQUEST, Pair, list_pairs};
use crate::suite::Operator;

/// The number of rows that one query reads.
const PAGE: u64 = 1_000;

/// Brings the schemas up to date, raises versions and ids, and stores the requests by which the running services will
/// fill all copies again. This may be repeated: a second run only raises versions and ids once more.
///
/// # Errors
/// When a database cannot be read or changed. Each database is changed in one transaction, so after an error some may
/// be changed and others not: repeat the restore.
pub(super) async fn raise(operator: &Operator) -> anyhow::Result<()> {
    let progress = Progress::start("looking for the highest ids");
    let mut highest: BTreeMap<&'static str, i64> = BTreeMap::new();
    for service in &operator.services {
        let database = || format!("the database of {}", service.name);
        service.db.migrate(service.schema).await.with_context(database)?;
        for (stream, id) in restore::highest_ids(&service.db, &service.streams).await.with_context(database)? {
            let known = highest.entry(stream).or_default();
            *known = id.max(*known);
        }
    }
    let mut plans: BTreeMap<&'static str, RestorePlan> = BTreeMap::new();
    for service in &operator.services {
        let requests = restore::refill_requests(service.name);
        plans.insert(service.name, RestorePlan { highest: highest.clone(), requests, ..RestorePlan::default() });
    }
    progress.step("looking for what the owners have lost");
    for pair in list_pairs(operator, None)? {
        let copy = || format!("{}.{}", pair.copy.name, pair.route.stream);
        // The decisions of admin have taken effect at auth and posts. So the copies there are right, and admin takes
        // the decisions back from them (rule R15). People who have left must not come back (ADR 24). Apart from that,
        // the copies forget the rows that their owner has lost.
        let recovery = pair.source.recovery();
        if recovery != Recovery::Nothing {
            let states = read_states(&pair, recovery).await.with_context(copy)?;
            plans.entry(pair.owner.name).or_default().taken_back.push((pair.route.stream, states));
        }
        if recovery != Recovery::Everything {
            let requests = forget_requests(&pair).await.with_context(copy)?;
            plans.entry(pair.copy.name).or_default().requests.extend(requests);
        }
    }
    progress.step("raising versions and ids");
    for service in &operator.services {
        let plan = plans.remove(service.name).unwrap_or_default();
        let raised = restore::apply_plan(&service.db, service.name, &service.streams, &plan).await;
        raised.with_context(|| format!("the database of {}", service.name))?;
    }
    Ok(())
}

/// Reads the rows of a copy that its owner takes back, in the form of the states that the owner publishes.
async fn read_states(pair: &Pair<'_>, recovery: Recovery) -> anyhow::Result<Vec<Value>> {
    let is_wanted = |state: &Value| recovery == Recovery::Everything || state["deleted"] == true;
    let mut states = Vec::new();
    let mut after: Option<Key> = None;
    loop {
        let rows = pair.consumer.page(pair.copy.db.read(), after.as_ref(), PAGE).await?;
        let Some(last) = rows.last() else { return Ok(states) };
        after = Some(last.key.clone());
        states.extend(rows.into_iter().map(|row| row.content).filter(is_wanted));
    }
}

/// Returns the requests that make a copy delete the rows whose aggregates the owner no longer knows.
async fn forget_requests(pair: &Pair<'_>) -> anyhow::Result<Vec<Request>> {
    let (source, consumer) = (pair.source.as_ref(), pair.consumer.as_ref());
    // No grace time: no service runs, so no state is on its way to the copy.
    let rows = compare::compare(source, &pair.owner.db, consumer, &pair.copy.db, Duration::ZERO).await?;
    let lost = rows.into_iter().filter(|row| row.owner_version.is_none());
    let lost: Vec<(Key, i64)> = lost.filter_map(|row| Some((row.key, row.copy_version?))).collect();
    let request = |rows: &[(Key, i64)]| Request::Forget { stream: pair.route.stream.to_owned(), forget: rows.to_vec() };
    Ok(lost.chunks(KEYS_PER_REQUEST).map(request).collect())
}
