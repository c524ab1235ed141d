//! Looks at the schema while a service runs: a database that was dropped and made anew, or a file that was deleted or put in
//! the place of another, is brought up to date and filled again without a restart.

use std::time::Duration;

use sea_orm::DbErr;
use tokio::time::{MissedTickBehavior, interval};

use crate::db::{self, Schema};
use crate::events::consumer::Context;
use crate::events::{Streams, comparison, fills, replicas};
use crate::http::Health;

/// The pause between two looks at the schema.
const LOOK: Duration = Duration::from_secs(2);

/// Looks until cancelled.
pub(crate) async fn run(context: Context, schema: Schema, streams: Streams, health: Health) {
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // Whether nothing is known of what the database holds, until it is brought up to date and filled.
    let mut unknown = false;
    loop {
        tokio::select! { _ = looks.tick() => {}, () = context.cancel().cancelled() => return }
        unknown |= context.db().follow_file().await;
        if !unknown {
            match is_missing(&context, schema, &streams).await {
                Ok(missing) => unknown = missing,
                // Whether the database is there is looked at by `/readyz` itself.
                Err(error) => {
                    tracing::debug!(%error, "The schema could not be looked at.");
                    continue;
                }
            }
            if unknown {
                tracing::error!(service = context.service(), "The schema is missing; it is made again.");
            }
        }
        health.set_schema(!unknown);
        if unknown {
            match repair(&context, schema, &streams).await {
                Ok(()) => {
                    health.set_schema(true);
                    unknown = false;
                    tracing::info!(service = context.service(), "The schema is there again; copies are filled.");
                }
                Err(error) => tracing::warn!(%error, "The schema could not be made again; trying again."),
            }
        }
    }
}

/// Answers whether a migration or a table is missing. A page of no rows asks for the tables and reads nothing of them.
async fn is_missing(context: &Context, schema: Schema, streams: &Streams) -> Result<bool, DbErr> {
    let database = context.db();
    if schema.pending(database).await? > 0 {
        return Ok(true);
    }
    let absent = |looked: Result<(), DbErr>| match looked {
        Err(error) if db::is_schema_missing(&error) => Ok(true),
        looked => looked.map(|()| false),
    };
    for source in &streams.sources {
        if absent(source.page(database.read(), None, 0).await.map(drop))? {
            return Ok(true);
        }
    }
    for consumer in &streams.consumers {
        if absent(consumer.page(database.read(), None, 0).await.map(drop))? {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn repair(context: &Context, schema: Schema, streams: &Streams) -> Result<(), String> {
    let text = |error: DbErr| error.to_string();
    schema.migrate(context.db()).await.map_err(text)?;
    if is_missing(context, schema, streams).await.map_err(text)? {
        return Err(
            "tables are missing that no migration makes again: bring the database back from a backup".to_owned()
        );
    }
    let asked = fills::ask(context.db(), context.broker(), &streams.consumers).await;
    asked.map_err(|error| error.to_string())?;
    if comparison::has_copies(context, streams) {
        // The new database knows nothing of what was published.
        context.db().outbox().writes().begin();
    }
    replicas::load_all(context, &streams.consumers).await.map_err(text)
}
