//! Restore: makes a database that was put back from a backup usable again (ADR 15).
//!
//! Such a database is older than the states that copies and clients have seen of it. Left alone, it would assign
//! versions that copies already hold with other content, and ids that belong to other aggregates. A restore therefore
//! raises all versions, moves all id sequences past the highest id that any database knows, and has all copies filled
//! again.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, ExprTrait, Query};
use sea_orm::{ConnectionTrait, DbErr};
use serde_json::Value;

use super::apply_error::ApplyError;
use super::request::{Request, write_request};
use super::streams::Streams;
use super::topology;
use crate::db;
use crate::ids::MAX_ID;
use crate::work::Db;

/// The number that a restore adds to every version: far more than the changes of one aggregate between a backup and its
/// restore. Versions have room for 2^21 restores.
pub const VERSION_STEP: i64 = 1 << 32;
/// The number of ids that a restore skips after the highest known one: more than were assigned after the backup without
/// any copy learning of them. A client may still have seen such an id, or hold a token for it.
pub const ID_STEP: i64 = 1 << 20;

/// Reads the highest ids that one database knows, by stream: of its own aggregates and of references to others.
///
/// # Errors
/// When the database cannot be read.
pub async fn highest_ids(db: &Db, streams: &Streams) -> Result<BTreeMap<&'static str, i64>, DbErr> {
    let tx = db.begin().await?;
    // A column of references may have no index, and then its maximum is found by reading the whole table.
    db::lift_time_limit(&*tx).await?;
    let mut highest = BTreeMap::new();
    for (stream, column) in streams.id_columns.sequences.iter().chain(&streams.id_columns.references) {
        let known: &mut i64 = highest.entry(*stream).or_default();
        *known = Ord::max(*known, column.highest(&*tx).await?);
    }
    tx.rollback().await?;
    Ok(highest)
}

/// The work of a restore in one database: the knowledge of the other databases, and the requests that follow from it.
#[derive(Debug, Default)]
pub struct RestorePlan {
    /// The highest ids that any database knows, by stream.
    pub highest: BTreeMap<&'static str, i64>,
    /// Newer states of the service's own streams that only copies still have, by stream.
    pub taken_back: Vec<(&'static str, Vec<Value>)>,
    /// Requests to the service itself, which it serves when it runs again.
    pub requests: Vec<Request>,
}

/// Makes one restored database usable again: stores newer states from copies, raises versions, moves id sequences, and
/// stores the requests, all in one transaction. Repeating it does no harm. The service must not run meanwhile.
///
/// # Errors
/// [`ApplyError`]; nothing was changed, unless the outcome of the commit is unknown. [`ApplyError::Permanent`] when
/// versions or ids have no room above them.
pub async fn apply_plan(db: &Db, service: &str, streams: &Streams, plan: &RestorePlan) -> Result<(), ApplyError> {
    let mut tx = db.begin().await?;
    db::lift_time_limit(&*tx).await?;
    // Before the versions are raised: a copy's state is newer only in comparison with the versions of the backup.
    for (stream, states) in &plan.taken_back {
        for source in streams.sources.iter().filter(|source| source.stream() == *stream) {
            source.recover(&tx, states).await?;
        }
    }
    for column in &streams.id_columns.versions {
        if column.highest(&*tx).await? > MAX_ID - VERSION_STEP {
            return Err(ApplyError::Permanent(format!("{} has no room for higher versions", column.table)));
        }
        let mut update = Query::update();
        let raised = Expr::col(column.name.clone()).add(VERSION_STEP);
        update.table(column.table.clone()).value(column.name.clone(), raised);
        tx.execute(&update).await?;
    }
    for (stream, column) in &streams.id_columns.sequences {
        let known = plan.highest.get(stream).copied().unwrap_or(0);
        // Repeating this leaves out more ids, of which there are enough.
        let moved_to = db::move_sequence(&*tx, &column.table, &column.name, known, ID_STEP).await?;
        if moved_to > MAX_ID - ID_STEP {
            return Err(ApplyError::Permanent(format!("{} has no room for higher ids", column.table)));
        }
    }
    for request in &plan.requests {
        write_request(&mut tx, service, request)?;
    }
    Ok(tx.commit().await?)
}

/// Returns the requests to an owner that fill all copies of its streams again. Copies are filled without being emptied
/// first: a service whose copy of the stream `user` is empty, for example, would treat nobody as blocked.
pub fn refill_requests(owner: &str) -> Vec<Request> {
    let routes = topology::ROUTES.iter().filter(|route| route.owner == owner);
    let queues = routes.flat_map(|route| route.consumers.iter().map(|consumer| (route.stream, consumer)));
    let resend = |(stream, consumer): (&str, &&str)| Request::Resend {
        stream: stream.to_owned(),
        queue: topology::queue(consumer, stream),
        ids: None,
    };
    queues.map(resend).collect()
}
