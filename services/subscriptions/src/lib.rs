//! Who follows whom, and the feed.

mod config;
mod consumers;
mod db;
mod domain;
mod error;
mod memory;
mod router;
mod routes;
mod shown;
mod state;

use shared::auth::Accounts;
use shared::db::Schema;
use shared::events::Streams;
use shared::lifecycle::{Deps, Service};

pub use config::{Config, VARIABLES};
use db::entities::{counts, posts, subscriptions, users};
use memory::FeedMemory;

/// The service's name.
pub const NAME: &str = "subscriptions";
/// The port it serves on unless told otherwise.
pub const PORT: u16 = 8002;

/// Builds the service; nothing is bound or connected yet.
pub fn build(config: &Config, deps: Deps) -> Service {
    let state = state::AppState::new(config, &deps);
    let (feed, db) = (state.feed.clone(), deps.db.clone());
    let (followed, shown, source, read) = (feed.followed.clone(), feed.shown.clone(), feed.source(), db.clone());
    db.outbox().owned().follow::<subscriptions::Model>(feed.clone());
    let streams = streams_with(feed, state.auth.accounts.clone());
    Service::new::<db::Migrator>(NAME, &deps, router::router(state))
        .streams(streams)
        .task("followed", |cancel| followed.run(read, source, cancel))
        .task("shown", |cancel| shown.run(db, shown::FromDatabase, cancel))
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
    let accounts = Accounts::default();
    streams_with(FeedMemory::new(0, 0, accounts.clone()), accounts)
}

fn streams_with(feed: FeedMemory, accounts: Accounts) -> Streams {
    let issued = Streams::default()
        .versions(subscriptions::Column::Version)
        .mentions("user", subscriptions::Column::FollowerId)
        .mentions("user", subscriptions::Column::FolloweeId)
        .mentions("user", users::Column::Id)
        .mentions("user", posts::Column::AuthorId)
        .mentions("post", posts::Column::Id)
        .mentions("post", counts::Column::Id);
    consumers::register(issued, feed, accounts)
}
