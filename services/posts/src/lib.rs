//! The posts service: posts, pictures, comments, likes and views.
//!
//! The order of the modules has a meaning: a module imports from modules that stand below it in this list, and never
//! from one that stands above.

mod router;
mod routes;
mod state;

mod actions;
mod consumers;

mod memory;

mod answers;

mod streams;

mod media;

mod db;

mod config;
mod domain;
mod error;

use shared::auth::{EndedSessions, PersonalBlocks};
use shared::config::ConfigError;
use shared::db::Schema;
use shared::erasure::run_erasures;
use shared::events::Streams;
use shared::http::idempotency;
use shared::service::{Deps, Service};

use actions::shared_writes::SharedWrites;
use actions::{ExportedPosts, PersonalPosts, run_recounts, run_sizes};
pub use config::{Config, VARIABLES};
use memory::people::People;
use memory::shown_posts::PostLoader;
use streams::post::PostState;
use streams::post_counts::CountsState;

/// The name of the service, in logs, queues and paths of files.
pub const NAME: &str = "posts";
/// The port on which the service listens by default.
pub const PORT: u16 = 8001;

/// Builds the service: its routes, its streams and its tasks. It creates the media folder if that is missing, but binds
/// no port and connects to nothing yet.
///
/// # Errors
/// When the media folder cannot be created or written to.
pub fn build(config: &Config, deps: Deps) -> Result<Service, ConfigError> {
    let state = state::AppState::new(config, &deps)?;
    let (people, ended) = (People::new(state.auth.accounts.clone()), state.auth.ended_sessions.clone());
    let (shown, media, writes) = (state.shown.clone(), state.media.clone(), state.writes.clone());
    // The cache follows what this service itself commits, so that nobody reads an older post after a write.
    deps.db.outbox().own_memories().follow::<PostState>(shown.clone());
    deps.db.outbox().own_memories().follow::<CountsState>(shown.clone());
    let sizes = media.clone();
    let personal = PersonalPosts { media: media.clone() };
    let (auth, exported) = (state.auth.clone(), ExportedPosts { media: media.clone() });
    let shared_writes = SharedWrites { people: people.clone() };
    let streams = streams_with(people.clone(), ended.clone(), state.auth.personal_blocks.clone());
    let db = || deps.db.clone();
    Ok(Service::new::<db::Migrator>(NAME, &deps, router::router(state))
        .streams(streams)
        .export(auth, exported)
        .task("shown", |cancel| shown.cache.run(db(), PostLoader, cancel))
        .task("writes", |cancel| writes.run(db(), shared_writes, cancel))
        .task("recounts", |cancel| run_recounts(people, db(), cancel))
        .task("sizes", |cancel| run_sizes(sizes, db(), cancel))
        .task("erasures", |cancel| run_erasures(personal, db(), cancel))
        .task("ended_sessions", |cancel| ended.run_upkeep(db(), cancel))
        .task("media", |cancel| media.run_cleanup(db(), cancel))
        .task("idempotency", |cancel| idempotency::run_upkeep(db(), cancel)))
}

/// The OpenAPI description of the routes.
pub fn openapi() -> utoipa::openapi::OpenApi {
    router::routes().into_openapi()
}

/// The schema of the database, for the operator's commands.
pub fn schema() -> Schema {
    Schema::of::<db::Migrator>()
}

/// The streams that the service publishes and consumes, for the operator's commands.
pub fn streams() -> Streams {
    streams_with(People::default(), EndedSessions::default(), PersonalBlocks::default())
}

fn streams_with(people: People, ended: EndedSessions, blocks: PersonalBlocks) -> Streams {
    consumers::register(streams::register(Streams::default()), people, ended, blocks)
}
