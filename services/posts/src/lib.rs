//! Posts, pictures, comments, likes and views.

mod config;
mod consumers;
mod db;
mod domain;
mod error;
mod media;
mod recounts;
mod router;
mod routes;
mod shown;
mod state;
mod uploads;
mod writes;

use shared::config::ConfigError;
use shared::db::Schema;
use shared::events::Streams;
use shared::http::idempotency;
use shared::lifecycle::{Deps, Service};

pub use config::{Config, VARIABLES};
use db::entities;
use db::queries::posts::{CountsState, PostState};
use db::queries::{comments, likes, posts};
use recounts::People;

/// The service's name.
pub const NAME: &str = "posts";
/// The port it serves on unless told otherwise.
pub const PORT: u16 = 8001;

/// Builds the service; nothing is bound or connected yet.
///
/// # Errors
/// When the media folder cannot be used.
pub fn build(config: &Config, deps: Deps) -> Result<Service, ConfigError> {
    let state = state::AppState::new(config, &deps)?;
    let people = People::of(state.auth.accounts.clone());
    let stored = writes::Writes { people: people.clone() };
    let streams = streams_with(people.clone());
    let (media, writes, db) = (state.media.clone(), state.writes.clone(), deps.db.clone());
    let (written, answers, read, counted) = (db.clone(), db.clone(), db.clone(), db.clone());
    let shown = state.shown.clone();
    db.outbox().owned().follow::<PostState>(shown.clone());
    db.outbox().owned().follow::<CountsState>(shown.clone());
    Ok(Service::new::<db::Migrator>(NAME, &deps, router::router(state))
        .streams(streams)
        .task("shown", |cancel| shown.cache.run(read, shown::FromDatabase, cancel))
        .task("writes", |cancel| writes.run(written, stored, cancel))
        .task("recounts", |cancel| people.recount(counted, cancel))
        .task("media", |cancel| media.tidy(db, cancel))
        .task("idempotency", |cancel| idempotency::tidy(answers, cancel)))
}

/// The description of its API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    router::routes().into_openapi()
}

/// Its schema, for the operator's tools.
pub fn schema() -> Schema {
    Schema::of::<db::Migrator>()
}

/// The streams of this service, for the operator's tools.
pub fn streams() -> Streams {
    streams_with(People::default())
}

fn streams_with(people: People) -> Streams {
    let sources =
        Streams::default().source(posts::Posts).source(posts::Counts).source(comments::Comments).source(likes::Likes);
    consumers::register(issued(sources), people)
}

/// Where versions and ids are kept, for restores.
fn issued(streams: Streams) -> Streams {
    use entities::{comments, counts, likes, posts, recounts, users};
    streams
        .versions(posts::Column::Version)
        .versions(counts::Column::Version)
        .versions(comments::Column::Version)
        .versions(likes::Column::Version)
        .sequence("post", posts::Column::Id)
        .sequence("comment", comments::Column::Id)
        .mentions("user", posts::Column::AuthorId)
        .mentions("user", comments::Column::AuthorId)
        .mentions("user", likes::Column::UserId)
        .mentions("user", users::Column::Id)
        .mentions("user", recounts::Column::UserId)
}
