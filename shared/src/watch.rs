//! The watch of the schema while a service runs.
//!
//! Somebody may drop a database and create it again, or delete or replace a file of SQLite. This task notices it,
//! migrates the new database and requests its copies again, so that nobody has to restart the service (docs/adr/0014).

use std::time::Duration;

use sea_orm::DbErr;
use tokio::time::{MissedTickBehavior, interval};

use crate::db::{self, Schema};
use crate::events::context::Context;
use crate::events::{Streams, comparison, fills, follow};
use crate::health::Health;

/// The time between two checks of the schema.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// Checks the schema until the task is cancelled, and repairs a schema that is missing. `/readyz` reports a missing
/// schema, and requests are refused meanwhile.
pub(crate) async fn run(context: Context, schema: Schema, streams: Streams, health: Health) {
    let mut ticks = interval(CHECK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // True from the moment when the schema is found missing, or the file was replaced, until the repair succeeds.
    let mut lost = false;
    loop {
        tokio::select! { _ = ticks.tick() => {}, () = context.cancel().cancelled() => return }
        lost |= context.db().reopen_changed_files().await;
        if !lost {
            match is_missing(&context, schema, &streams).await {
                Ok(missing) => lost = missing,
                // The database does not answer, which `/readyz` finds out by itself. That says nothing about the
                // schema.
                Err(error) => {
                    tracing::debug!(%error, "The schema could not be looked at.");
                    continue;
                }
            }
            if lost {
                tracing::error!(service = context.service(), "The schema is missing; it is made again.");
            }
        }
        health.set_schema(!lost);
        if lost {
            match repair(&context, schema, &streams).await {
                Ok(()) => {
                    health.set_schema(true);
                    lost = false;
                    tracing::info!(service = context.service(), "The schema is there again; copies are filled.");
                }
                Err(error) => tracing::warn!(%error, "The schema could not be made again; trying again."),
            }
        }
    }
}

/// Returns whether a migration or a table is missing. The migrations may all be recorded although somebody has dropped
/// a table, so each table of a stream is asked for a page of zero rows, which fails without the table and reads
/// nothing.
async fn is_missing(context: &Context, schema: Schema, streams: &Streams) -> Result<bool, DbErr> {
    let database = context.db();
    if database.pending_migrations(schema).await? > 0 {
        return Ok(true);
    }
    let has_no_table = |asked: Result<(), DbErr>| match asked {
        Err(error) if db::is_schema_missing(&error) => Ok(true),
        other => other.map(|()| false),
    };
    for source in &streams.sources {
        if has_no_table(source.page(database.read(), None, 0).await.map(drop))? {
            return Ok(true);
        }
    }
    for consumer in &streams.consumers {
        if has_no_table(consumer.page(database.read(), None, 0).await.map(drop))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Migrates the database, requests the copies that were never requested or have no row, and fills memory again.
async fn repair(context: &Context, schema: Schema, streams: &Streams) -> Result<(), String> {
    let text = |error: DbErr| error.to_string();
    context.db().migrate(schema).await.map_err(text)?;
    if is_missing(context, schema, streams).await.map_err(text)? {
        return Err(
            "tables are missing that no migration makes again: bring the database back from a backup".to_owned()
        );
    }
    let asked = fills::request_missing_copies(context.db(), context.broker(), &streams.consumers).await;
    asked.map_err(|error| error.to_string())?;
    if comparison::has_copies(context, streams) {
        // The new database has none of the rows that were published, and would give out their versions and ids anew. So
        // the copies are asked first, as at a start (docs/adr/0015).
        context.db().outbox().permit().withhold();
    }
    follow::load_memories(context, &streams.consumers).await.map_err(text)
}
