//! Restore: what makes a database usable again that comes back from a backup.
//!
//! It is older than what others have seen of it, so it would give out versions anew that copies already have, and ids
//! anew that belong to somebody else. Therefore all versions are raised, all ids continue behind the highest one that
//! anybody knows, and all copies are filled again.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::{DynIden, Expr, ExprTrait, Func, Query};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr};
use serde_json::Value;

use super::consumer::ApplyError;
use super::resync::{self, Request};
use super::{Streams, topology};
use crate::db::{self, Db};
use crate::ids::MAX_ID;

/// What a restore adds to every version: more than anything changes between a backup and its restore. Versions have
/// room for 2^21 restores.
pub const VERSION_STEP: i64 = 1 << 32;
/// How many ids a restore leaves out: more than anything was made after the backup that no copy has heard of, but that
/// a client may have seen or hold a token for.
pub const ID_STEP: i64 = 1 << 20;

/// A column of a service's own database.
#[derive(Clone, Debug)]
struct Column {
    table: DynIden,
    name: DynIden,
}

impl Column {
    fn of(column: impl ColumnTrait) -> Self {
        let (table, name) = column.as_column_ref();
        Self { table, name }
    }

    async fn max(&self, connection: &impl ConnectionTrait) -> Result<i64, DbErr> {
        let mut query = Query::select();
        query.expr_as(Func::max(Expr::col(self.name.clone())), "highest").from(self.table.clone());
        let row = connection.query_one(&query).await?;
        let highest: Option<i64> = row.map(|row| row.try_get("", "highest")).transpose()?.flatten();
        Ok(highest.unwrap_or(0))
    }
}

/// Where a service keeps versions and ids.
#[derive(Clone, Debug, Default)]
pub struct Issued {
    versions: Vec<Column>,
    sequences: Vec<(&'static str, Column)>,
    mentions: Vec<(&'static str, Column)>,
}

impl Issued {
    /// All columns that are named, as `table.column`.
    pub fn names(&self) -> BTreeSet<String> {
        let ids = self.sequences.iter().chain(&self.mentions).map(|(_, column)| column);
        self.versions.iter().chain(ids).map(|column| format!("{}.{}", column.table, column.name)).collect()
    }
}

impl Streams {
    /// Names the versions of aggregates that the service owns.
    #[must_use]
    pub fn versions(mut self, column: impl ColumnTrait) -> Self {
        self.issued.versions.push(Column::of(column));
        self
    }

    /// Names the ids that the service gives out to the aggregates of a stream that it owns.
    #[must_use]
    pub fn sequence(mut self, stream: &'static str, column: impl ColumnTrait) -> Self {
        self.issued.sequences.push((stream, Column::of(column)));
        self
    }

    /// Names a column that holds ids of a stream's aggregates, whoever owns them.
    #[must_use]
    pub fn mentions(mut self, stream: &'static str, column: impl ColumnTrait) -> Self {
        self.issued.mentions.push((stream, Column::of(column)));
        self
    }
}

/// The highest ids that one database knows, by stream.
///
/// # Errors
/// What the database says.
pub async fn highest(db: &Db, streams: &Streams) -> Result<BTreeMap<&'static str, i64>, DbErr> {
    let tx = db.begin().await?;
    db::lift_time_limit(&*tx).await?;
    let mut highest = BTreeMap::new();
    for (stream, column) in streams.issued.sequences.iter().chain(&streams.issued.mentions) {
        let known: &mut i64 = highest.entry(*stream).or_default();
        *known = Ord::max(*known, column.max(&*tx).await?);
    }
    tx.rollback().await?;
    Ok(highest)
}

/// What the other databases know, and what a service has to do about it.
#[derive(Debug, Default)]
pub struct Work {
    /// The highest ids that any database knows, by stream.
    pub highest: BTreeMap<&'static str, i64>,
    /// Newer states of the service's own streams that only copies still have, by stream.
    pub taken_back: Vec<(&'static str, Vec<Value>)>,
    /// What it has to ask itself once it runs.
    pub requests: Vec<Request>,
}

/// Makes one restored database usable again, in one transaction. Doing it twice does no harm. The service must not run.
///
/// # Errors
/// When nothing was changed.
pub async fn raise(db: &Db, service: &str, streams: &Streams, work: &Work) -> Result<(), ApplyError> {
    let mut tx = db.begin().await?;
    db::lift_time_limit(&*tx).await?;
    for (stream, states) in &work.taken_back {
        for source in streams.sources.iter().filter(|source| source.stream() == *stream) {
            source.take_back(&tx, states).await?;
        }
    }
    for column in &streams.issued.versions {
        if column.max(&*tx).await? > MAX_ID - VERSION_STEP {
            return Err(ApplyError::Permanent(format!("{} has no room for higher versions", column.table)));
        }
        let mut update = Query::update();
        let higher = Expr::col(column.name.clone()).add(VERSION_STEP);
        update.table(column.table.clone()).value(column.name.clone(), higher);
        tx.execute(&update).await?;
    }
    for (stream, column) in &streams.issued.sequences {
        let known = work.highest.get(stream).copied().unwrap_or(0);
        let used = db::move_sequence(&tx, &column.table, &column.name, known, ID_STEP).await?;
        if used > MAX_ID - ID_STEP {
            return Err(ApplyError::Permanent(format!("{} has no room for higher ids", column.table)));
        }
    }
    for request in &work.requests {
        resync::write_request(&mut tx, service, request)?;
    }
    Ok(tx.commit().await?)
}

/// The requests that fill all copies of an owner's streams again.
pub fn refill(owner: &str) -> Vec<Request> {
    let routes = topology::ROUTES.iter().filter(|route| route.owner == owner);
    let queues = routes.flat_map(|route| route.consumers.iter().map(|consumer| (route.stream, consumer)));
    let resend = |(stream, consumer): (&str, &&str)| Request::Resend {
        stream: stream.to_owned(),
        queue: topology::queue(consumer, stream),
        ids: None,
    };
    queues.map(resend).collect()
}
