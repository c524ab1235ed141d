//! The subscriptions service: subscriptions between people, and the feed of each reader.
//!
//! The program and the one-process suite use [`build`]; the operator's tools use [`streams()`] and [`schema`].

mod actions;
mod answers;
mod config;
mod consumers;
mod db;
mod domain;
mod error;
mod memory;
mod router;
mod routes;
mod state;
mod streams;

use shared::auth::{Accounts, EndedSessions};
use shared::db::Schema;
use shared::erasure::run_erasures;
use shared::events::Streams;
use shared::http::idempotency;
use shared::service::{Deps, Service};

use actions::{ExportedSubscriptions, PersonalSubscriptions};
pub use config::{Config, VARIABLES};
use db::entities::{live_head, mutes, subscriptions};
use memory::feed::FeedMemory;
use memory::live::LiveStreams;
use memory::shown::PostLoader;

/// The service's name.
pub const NAME: &str = "subscriptions";
/// The port that the service listens on by default.
pub const PORT: u16 = 8002;

/// Builds the service. It binds no port and connects to nothing yet.
pub fn build(config: &Config, deps: Deps) -> Service {
    let state = state::AppState::new(config, &deps);
    let (feed, db) = (state.feed.clone(), deps.db.clone());
    let (followed, followed_loader, shown) = (feed.followed.clone(), feed.followed_loader(), feed.shown.clone());
    // This service owns the subscriptions and mutes. Each commit of one reaches the memory, which then forgets the
    // cached list of the person.
    db.outbox().own_memories().follow::<subscriptions::Model>(feed.clone());
    db.outbox().own_memories().follow::<mutes::Model>(feed.clone());
    let live = feed.live.clone();
    db.outbox().own_memories().follow::<live_head::Model>(live.clone());
    let (auth, ended) = (state.auth.clone(), state.auth.ended_sessions.clone());
    let of_streams = auth.clone();
    let streams = register_streams(feed.clone(), state.auth.accounts.clone(), ended.clone());
    let service = Service::new::<db::Migrator>(NAME, &deps, router::router(state));
    let stopping = service.stopping();
    service
        .streams(streams)
        .export(auth, ExportedSubscriptions)
        .task("followed", {
            let db = db.clone();
            move |cancel| followed.run(db, followed_loader, cancel)
        })
        .task("erasures", {
            let db = db.clone();
            |cancel| run_erasures(PersonalSubscriptions, db, cancel)
        })
        .task("ended_sessions", {
            let db = db.clone();
            |cancel| ended.run_upkeep(db, cancel)
        })
        .task("idempotency", {
            let db = db.clone();
            |cancel| idempotency::run_upkeep(db, cancel)
        })
        .task("live", {
            let db = db.clone();
            |cancel| live.run(feed, of_streams, db, stopping, cancel)
        })
        .task("live_trimming", {
            let db = db.clone();
            |cancel| LiveStreams::run_trimming(db, cancel)
        })
        .task("shown", |cancel| shown.run(db, PostLoader, cancel))
}

/// Describes the API of this service.
pub fn openapi() -> utoipa::openapi::OpenApi {
    router::routes().into_openapi()
}

/// Describes the schema of this service's database, for the operator's tools.
pub fn schema() -> Schema {
    Schema::of::<db::Migrator>()
}

/// Lists the streams of this service, for the operator's tools. The memories of these streams stay empty.
pub fn streams() -> Streams {
    let accounts = Accounts::default();
    register_streams(FeedMemory::new(0, 0, accounts.clone()), accounts, EndedSessions::default())
}

fn register_streams(feed: FeedMemory, accounts: Accounts, ended: EndedSessions) -> Streams {
    consumers::register(streams::register(Streams::default()), feed, accounts, ended)
}
