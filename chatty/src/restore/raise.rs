//! What is done to all five databases together, while no service runs.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use shared::events::Key;
use shared::events::reconcile as compare;
use shared::events::restore::{self, Work};
use shared::events::resync::Request;

use crate::output::Progress;
use crate::reconcile::{KEYS, Pair, pairs};
use crate::suite::Operator;

/// Rows that are read at once.
const PAGE: u64 = 1_000;

/// Brings the schemas up to date, raises versions and ids, and leaves the requests that fill all copies again.
pub(super) async fn raise(operator: &Operator) -> anyhow::Result<()> {
    let progress = Progress::start("looking for the highest ids");
    let mut highest: BTreeMap<&'static str, i64> = BTreeMap::new();
    for service in &operator.services {
        let of = || format!("the database of {}", service.name);
        service.schema.migrate(&service.db).await.with_context(of)?;
        for (stream, id) in restore::highest(&service.db, &service.streams).await.with_context(of)? {
            let known = highest.entry(stream).or_default();
            *known = id.max(*known);
        }
    }
    let mut works: BTreeMap<&'static str, Work> = BTreeMap::new();
    for service in &operator.services {
        let requests = restore::refill(service.name);
        works.insert(service.name, Work { highest: highest.clone(), requests, ..Work::default() });
    }
    progress.step("looking for what the owners have lost");
    for pair in pairs(operator, None)? {
        let of = || format!("{}.{}", pair.copy.name, pair.route.stream);
        if pair.source.takes_back() {
            let states = states(&pair).await.with_context(of)?;
            works.entry(pair.owner.name).or_default().taken_back.push((pair.route.stream, states));
        } else {
            let requests = forget(&pair).await.with_context(of)?;
            works.entry(pair.copy.name).or_default().requests.extend(requests);
        }
    }
    progress.step("raising versions and ids");
    for service in &operator.services {
        let work = works.remove(service.name).unwrap_or_default();
        let raised = restore::raise(&service.db, service.name, &service.streams, &work).await;
        raised.with_context(|| format!("the database of {}", service.name))?;
    }
    Ok(())
}

/// A copy's rows as its owner's states.
async fn states(pair: &Pair<'_>) -> anyhow::Result<Vec<Value>> {
    let mut states = Vec::new();
    let mut after: Option<Key> = None;
    loop {
        let rows = pair.consumer.page(pair.copy.db.read(), after.as_ref(), PAGE).await?;
        let Some(last) = rows.last() else { return Ok(states) };
        after = Some(last.key.clone());
        states.extend(rows.into_iter().map(|row| row.content));
    }
}

/// Requests to forget what the owner does not know any more.
async fn forget(pair: &Pair<'_>) -> anyhow::Result<Vec<Request>> {
    let (source, consumer) = (pair.source.as_ref(), pair.consumer.as_ref());
    let rows = compare::compare(source, &pair.owner.db, consumer, &pair.copy.db, Duration::ZERO).await?;
    let lost = rows.into_iter().filter(|row| row.owner_version.is_none());
    let lost: Vec<(Key, i64)> = lost.filter_map(|row| Some((row.key, row.copy_version?))).collect();
    let request = |rows: &[(Key, i64)]| Request::Forget { stream: pair.route.stream.to_owned(), forget: rows.to_vec() };
    Ok(lost.chunks(KEYS).map(request).collect())
}
